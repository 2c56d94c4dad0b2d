"""Keys of those who serve, host and train models. *Source*: each vendor's description of its own keys."""

from __future__ import annotations

from auditcube.scan.pack.build import called, token
from auditcube.scan.rule import random_looking

_URL = r"[A-Za-z0-9_-]"

RULES = (
    token("anthropic-key", "Anthropic key", "sk-ant-", rf"sk-ant-(?:[a-z0-9]+-)?{_URL}{{24,}}"),
    token(
        "openai-key",
        "OpenAI key",
        "sk-proj- sk-svcacct- sk-admin- sk-none- sk-service-",
        rf"sk-(?:proj|svcacct|admin|None|service)-{_URL}{{24,}}",
    ),
    token("openrouter-key", "OpenRouter key", "sk-or-", rf"sk-or-(?:v\d-)?{_URL}{{30,}}"),
    token("langfuse-key", "Langfuse secret key", "sk-lf-", r"sk-lf-[0-9a-f-]{30,40}"),
    token(
        "sk-key",
        "Key in OpenAI's form, as many servers of models use it",
        "sk-",
        rf"sk-[A-Za-z0-9]{_URL}{{18,}}",
        lambda match: random_looking(match) and any(48 <= c < 58 for c in match[0][3:]),
    ),
    token("huggingface-token", "Hugging Face token", "hf_ api_org_", r"(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    token("nvidia-key", "NVIDIA key", "nvapi-", rf"nvapi-{_URL}{{30,}}"),
    called(
        "ngc-key",
        "NVIDIA NGC key, by its name",
        r"ngc[_-]?(?:cli[_-]?)?api[_-]?key",
        r"[A-Za-z0-9]{60,90}",
        random_looking,
        anchors="ngc",
    ),
    token("groq-key", "Groq key", "gsk_", r"gsk_[A-Za-z0-9]{40,}"),
    token("xai-key", "xAI key", "xai-", r"xai-[A-Za-z0-9]{40,}"),
    token("perplexity-key", "Perplexity key", "pplx-", r"pplx-[A-Za-z0-9]{30,}"),
    token("replicate-token", "Replicate token", "r8_", r"r8_[A-Za-z0-9]{30,}"),
    token("fireworks-key", "Fireworks key", "fw_", r"fw_[A-Za-z0-9]{20,}(?![A-Za-z0-9_])"),
    token("together-key", "Together key", "tgp_v1_", rf"tgp_v1_{_URL}{{30,}}"),
    token("cerebras-key", "Cerebras key", "csk-", r"csk-[a-z0-9]{36,}"),
    token(
        "elevenlabs-key", "ElevenLabs or Novita key", "sk_", r"sk_(?:[a-f0-9]{48}|[A-Za-z0-9]{40,48})(?![A-Za-z0-9])"
    ),
    token("jina-key", "Jina key", "jina_", rf"jina_{_URL}{{40,}}"),
    token("tavily-key", "Tavily key", "tvly-", rf"tvly-{_URL}{{24,}}"),
    token("langsmith-key", "LangSmith key", "lsv2_", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    token("llamacloud-key", "LlamaCloud key", "llx-", r"llx-[A-Za-z0-9]{30,}"),
    token("pinecone-key", "Pinecone key", "pcsk_", r"pcsk_[A-Za-z0-9_]{40,}"),
    token("voyage-key", "Voyage key", "pa-", rf"pa-{_URL}{{40,}}"),
    token(
        "modal-token",
        "Modal token",
        "ak- as-",
        r"a[ks]-[A-Za-z0-9]{22}(?![A-Za-z0-9_-])",
        lambda match: random_looking(match) and any(48 <= c < 58 for c in match[0]) and match[0] != match[0].lower(),
    ),
    token("runpod-key", "RunPod key", "rpa_", r"rpa_[A-Za-z0-9]{36,}"),
    token("anyscale-key", "Anyscale key", "esecret_", r"esecret_[A-Za-z0-9]{24,}"),
    token("wandb-key", "Weights & Biases key", "wandb_v1_", rf"wandb_v1_{_URL}{{30,}}"),
    token("e2b-key", "E2B key", "e2b_", r"e2b_[a-f0-9]{40}"),
    token("firecrawl-key", "Firecrawl key", "fc-", r"fc-[a-f0-9]{32}(?![A-Za-z0-9])"),
    token("apify-token", "Apify token", "apify_api_", r"apify_api_[A-Za-z0-9]{30,}"),
    token("lambda-key", "Lambda Cloud key", "secret_", r"secret_[a-z0-9-]{10,40}_[a-f0-9]{32}(?:\.[A-Za-z0-9]{20,})?"),
    token("kaggle-token", "Kaggle token", "kgat_", r"KGAT_[a-f0-9]{30,}"),
    token("prefect-key", "Prefect key", "pnu_ pnb_", r"pn[ub]_[A-Za-z0-9]{34,}"),
    token("roboflow-key", "Roboflow key", "rf_", r"rf_[A-Za-z0-9]{20,}(?![A-Za-z0-9_])"),
    called(
        "model-vendor-key",
        "Key of a vendor of models, by its name",
        r"(?:wandb|comet|mistral|cohere|deepgram|assemblyai|stability|together|clarifai|baseten|vastai|vast|qdrant|"
        r"weaviate|zilliz|lepton|hyperbolic|sambanova|deepinfra|deepseek|moonshot|dashscope|minimax|zhipuai|ai21|"
        r"aleph_alpha|azure_openai|serpapi|exa|neptune|clearml"
        r"|hyperstack)[_-]?(?:ai[_-]?)?(?:api[_-]?)?(?:key|token|secret)",
        r"[A-Za-z0-9_.=+/-]{20,}",
        anchors="wandb comet mistral cohere deepgram assembly stability together clarifai baseten vast qdrant weaviate "
        "zilliz lepton hyper sambanova deepinfra deepseek moonshot dashscope minimax zhipuai ai21 aleph "
        "azure_openai azure-openai serpapi exa_ exa-a neptune clearml",
    ),
    token("brave-key", "Brave Search key", "bsa", r"BSA[A-Za-z0-9_-]{27,29}(?![\w+/=-])"),
    token("cursor-key", "Cursor key", "crsr_", r"crsr_[0-9a-f]{64}"),
    token("friendli-token", "Friendli token", "flp_", r"flp_[A-Za-z0-9]{40,}"),
)
