"""The hand-written parts of the built-in prompts; `|` separates the members of a list.

Within a family every subject, action, place and detail go together.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Parts that combine freely: eight subjects, actions and places, six sentences of detail."""

    subjects: str
    actions: str
    places: str
    details: str


ANIMALS = Family(
    "A red fox|A grey wolf|A brown bear|A spotted lynx|A wild boar|A young deer|A striped badger|A shaggy black dog",
    "trots past|listens|shakes water from its coat|sniffs the ground|looks back over its shoulder"
    "|walks slowly|breaks into a run|lies down to rest",
    "beside a frozen lake|in a birch forest|on a windy hillside|at the edge of a wheat field|among mossy rocks"
    "|near an old stone wall|on a snow-covered path|in a clearing full of ferns",
    "Its breath forms small clouds in the cold air.|A few dry leaves drift past and settle on the ground."
    "|Somewhere behind it a branch moves, and its ears turn towards the sound."
    "|Its coat is wet along the back and catches the light with every step."
    "|Tall grass bends in the wind and springs up again."
    "|Two crows lift off from a nearby tree and circle once before they leave.",
)

SEA = Family(
    "A sea turtle|A large manta ray|A humpback whale|A young dolphin|A grey seal|A giant octopus|A leopard shark"
    "|A lone stingray",
    "glides past|turns towards the camera|rises from the deep|swims in a wide circle|drifts with the current"
    "|dives out of view|meets a school of small fish|hovers almost motionless",
    "above a coral reef|in clear shallow water|near a sunken ship|under a sheet of sea ice"
    "|along a steep underwater cliff|between tall strands of kelp|over a field of white sand"
    "|at the mouth of a dark cave",
    "Thin rays of sunlight reach down from the surface and waver.|A trail of bubbles rises slowly and breaks apart."
    "|Tiny silver fish scatter in front of it and close ranks again behind."
    "|Its shadow slides over the ground far below.|Loose sand is stirred up and hangs in the water like smoke."
    "|Small scars and patches of algae are visible on its skin.",
)

WORKSHOP = Family(
    "An old watchmaker|A young carpenter|A patient violin maker|A village blacksmith"
    "|A bookbinder with rolled-up sleeves|A potter in a clay-stained apron|A silversmith"
    "|A shoemaker with thick glasses",
    "sharpens a worn tool|wipes dust from a drawing|holds a finished piece up to the light|measures a part twice"
    "|sketches a new design on brown paper|sorts small parts into boxes|leans in to check a tiny detail"
    "|explains a step to an apprentice",
    "in a narrow workshop|beside a tall window|under a single hanging lamp|in a barn full of tools"
    "|at a crowded workbench|in a basement with brick walls|in a small shop that opens onto the street"
    "|next to a glowing stove",
    "Fine dust floats through a beam of light.|The hands are rough, steady and marked by years of work."
    "|On the wall behind, dozens of tools hang in neat rows.|A radio with a bent antenna stands between jars of nails."
    "|A cat sleeps on a folded blanket and does not look up."
    "|Curled shavings cover the floor and move a little whenever the door opens.",
)

CITY = Family(
    "A cyclist in a yellow raincoat|A street musician|A tall woman with a red umbrella|A delivery rider"
    "|A boy with a paper kite|An elderly man in a grey hat|A flower seller|A student with a cello case",
    "waits for the light to change|crosses the street|looks up at the sky|stops to read a poster"
    "|laughs at something out of view|checks the time|steps around a puddle|waves to a friend",
    "in front of a small bakery|at a busy crossing|under an iron bridge|on a square with wet cobblestones"
    "|outside a crowded tram stop|between parked scooters|beside a row of neon signs"
    "|near the steps of an old theatre",
    "Reflections of the shop windows tremble on the wet ground."
    "|A tram passes in the background and its bell rings once."
    "|Pigeons walk between the feet of the people and fly up all at once."
    "|Steam rises from a grate and is carried away by the wind."
    "|Behind the glass of a cafe, a waiter stacks chairs on the tables."
    "|Paper lanterns sway on a wire that is stretched across the street.",
)

WEATHER = Family(
    "Thick white fog|Fine dry snow|Warm summer rain|A line of dark clouds|Drifting morning mist"
    "|A distant thunderstorm|A curtain of hail|A bank of low cloud",
    "moves in|slowly clears|arrives without a sound|thins out and gathers again|fades away|closes in"
    "|lingers for hours|rolls steadily on",
    "above a mountain valley|over a terraced hillside|along a rocky coast|over a field of lavender"
    "|around a lonely lighthouse|above a wide river bend|above a lake ringed with pines"
    "|over the roofs of a small village",
    "For a moment the sun breaks through and paints a bright stripe on the ground."
    "|A flock of geese passes in a loose line and grows smaller.|Water runs down the rocks in thin bright threads."
    "|The tops of the trees appear, disappear and appear again."
    "|A single road winds through the scene, and one car follows it with its lights on."
    "|The colours shift from blue to grey and then to a pale gold.",
)

ROADS = Family(
    "An old blue truck|A yellow school bus|A green vintage car|A small mail van|A heavy motorcycle"
    "|A white camper van|A rusty farm tractor|A three-wheeled taxi",
    "pulls away|slows down at a bend|comes to a stop|climbs a steep road|passes with its headlights on"
    "|turns off the main road|rattles along|crosses a narrow bridge",
    "high in the mountains|beside a calm sea|in the middle of a desert|between golden fields"
    "|on the edge of a quiet town|near an abandoned station|in a forest of tall pines|not far from a harbour",
    "A cloud of dust rises behind it and hangs in the air.|The paint is scratched, and one of the mirrors is missing."
    "|Telegraph poles stand along the road and grow smaller towards the horizon."
    "|A dog runs beside it for a while and then gives up."
    "|Gravel crunches, a stone jumps to the side and rolls into the ditch."
    "|The windows reflect the sky and the passing trees.",
)

KITCHEN = Family(
    "A pastry chef|A grandmother in a flowered apron|A street cook|A village baker|A busy line cook"
    "|A man with floury hands|A teenager in a striped shirt|A father with his small daughter",
    "kneads a soft dough|slices ripe tomatoes|stirs a bubbling pot|ladles broth into a bowl"
    "|pours honey over warm bread|tastes a spoonful of soup|grates cheese over a steaming plate"
    "|arranges berries on a cake",
    "in a bright farmhouse kitchen|at a night market stall|behind the counter of a small restaurant"
    "|at a wooden table in the garden|next to a wood-fired oven|in a kitchen with blue tiles|on a rooftop terrace"
    "|by an open window",
    "Steam curls upwards and blurs the background.|Copper pans hang from a rail and gleam softly."
    "|A pinch of salt falls through the light like snow.|A knife, a lemon and a bunch of parsley lie on a worn board."
    "|Drops of water run down the side of a cold glass jug."
    "|Someone reaches in from the side, takes a piece and is gently pushed away.",
)

MOVEMENT = Family(
    "A ballet dancer|A girl in a blue tracksuit|A skateboarder|A long-distance runner|A rock climber"
    "|A young acrobat|A fencer in white|A boxer with taped hands",
    "stretches before the start|spins once and stops|jumps and lands softly|takes a deep breath"
    "|runs a few quick steps|ties a loose shoelace|raises both arms|practises the same move again",
    "on an empty rooftop|in a sunlit gymnasium|on a beach at low tide|in a park with bare trees"
    "|on a concrete court|at the end of a wooden pier|in an old warehouse|on a grassy hill",
    "The movement is quick, precise and almost silent.|A long shadow follows every step on the ground."
    "|A friend sits to one side and counts quietly.|Strands of hair come loose and fly with each turn."
    "|Dust rises where the feet touch down and settles slowly."
    "|For a second everything is still, and then the motion begins again.",
)

FAMILIES = (ANIMALS, SEA, WORKSHOP, CITY, WEATHER, ROADS, KITCHEN, MOVEMENT)

LIGHTS = (
    "in the soft light of early morning|in the harsh light of noon|shortly after sunset|under a pale winter sun"
    "|in warm golden light|on a cloudy afternoon|in cold blue light|in the last light of the day"
    "|in hazy, even light|with strong light from the side|against bright light from behind"
)

CAMERAS = (
    "The camera follows slowly from behind.|The camera stays still and close to the ground."
    "|A wide shot turns into a close-up.|The view circles the scene once."
    "|A handheld camera moves a little with every step."
    "|The shot starts far away and comes steadily nearer.|The camera pans from left to right and comes to rest."
    "|A high angle shows the whole scene from above.|A long lens blurs everything in the background."
)

STYLES = (
    "Shot on grainy 16 mm film.|Realistic, with natural colours.|In the style of a watercolour painting."
    "|Like a scene from a nature documentary.|Black and white, with strong contrast."
    "|Hand-drawn animation with clean lines."
    "|Slow motion, very sharp.|Stop-motion animation with clay figures.|Muted colours, shallow depth of field."
    "|Cinematic, in a wide format.|In the style of an old postcard."
    "|Bright colours and flat shapes, like a picture book."
    "|An oil painting with visible brush strokes."
)

MOODS = (
    "The mood is calm and unhurried, as if nothing else had to be done today."
    "|The whole scene feels like a memory from a long time ago."
    "|Everything is quiet except for the wind and a few distant voices."
    "|There is a slight tension in the air, although nothing unusual happens."
    "|The scene is cheerful, full of small movements and bright sounds."
)
