"""The built-in data set: 256 video prompts of 4 to about 90 words, always the same ones, no two alike."""

from __future__ import annotations

from auditcube.demo.prompt_parts import CAMERAS, FAMILIES, LIGHTS, MOODS, STYLES, Family

_PER_FAMILY = 32
_RICHNESS = 8


def prompts() -> list[dict[str, str]]:
    """256 rows `{"prompt": ...}`; neighbours differ in family and in length."""
    count = len(FAMILIES) * _PER_FAMILY
    return [{"prompt": _compose(FAMILIES[i % len(FAMILIES)], i // len(FAMILIES), i)} for i in range(count)]


def _compose(family: Family, row: int, serial: int) -> str:
    # The row's low digit picks the subject, shifted by its high digit the action and the place: no pair comes twice.
    low, high = row % 8, row // 8
    subject, action, place = (
        _pick(family.subjects, low),
        _pick(family.actions, low + 2 * high + 1),
        _pick(family.places, low * 3 + high),
    )
    richness = (serial + row) % _RICHNESS
    scene = [subject, action] if richness == 0 else [subject, action, place]
    if richness in (2, 3, 5, 6, 7):
        scene.append(_pick(LIGHTS, serial * 3))
    return " ".join([" ".join(scene) + ("." if richness > 2 else ""), *_sentences(family, serial, row, richness)])


def _sentences(family: Family, serial: int, row: int, richness: int) -> list[str]:
    details = {4: 1, 5: 1, 6: 2, 7: 3}.get(richness, 0)
    sentences = [_pick(family.details, row + k) for k in range(details)]
    if richness in (3, 5, 6, 7):
        sentences.append(_pick(CAMERAS, serial * 5))
    if richness in (5, 7):
        sentences.append(_pick(STYLES, serial * 7))
    if richness == 7:
        sentences.append(_pick(MOODS, serial))
    return sentences


def _pick(parts: str, index: int) -> str:
    options = parts.split("|")
    return options[index % len(options)]
