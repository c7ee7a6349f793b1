"""Why a key of LiteLLM's has no place here, in the words of the report."""

from collections.abc import Mapping

UNKNOWN = "there is no such setting here"
MODEL_INFO = "models are not described here; every kind of request is passed on"
REQUEST_DEFAULT = "requests are passed on as they come; clients set it themselves"

_AS_THEY_COME = "requests are passed on as they come; a provider may refuse what it does not take"
_RETRIES = (
    "a provider's `retries_max` says how often a target is asked again, a budget how often in all"
)
_COOLDOWN = "a target that fails is left alone by `breaker_failures_max` and `breaker_open_s`"
_AT_ONCE = "a provider's `concurrency_max` says how many calls a target gets at once"
_REDIS = "nothing is kept in Redis; state is in the engine (NATS) of the node"
_DATABASE = "there is no database; keys are in the engine, made by `aiex keys create`"
_CALLBACKS = "there are no callbacks; `/metrics` and the access log tell each request"
_PRICES = "prices are for tokens: see the setting `prices`"
_CLOUD = "this credential belongs to a provider that cannot be asked from here"
_CACHE = "answers are not cached"
_CONTENTS = "not needed: contents of messages are never logged"
_CHECKS = "models are not asked in the background"

PARAMETERS: Mapping[str, str] = {
    "num_retries": _RETRIES,
    "max_retries": _RETRIES,
    "cooldown_time": _COOLDOWN,
    "max_parallel_requests": _AT_ONCE,
    "input_cost_per_second": _PRICES,
    "mock_response": "use a provider of kind mock",
    "tags": "targets are not chosen by tags",
    "azure_ad_token": "Entra ID tokens are not sent; use a key of the resource",
    "tenant_id": "Entra ID tokens are not made; use a key of the resource",
    "client_id": "Entra ID tokens are not made; use a key of the resource",
    "client_secret": "Entra ID tokens are not made; use a key of the resource",
    "aws_access_key_id": _CLOUD,
    "aws_secret_access_key": _CLOUD,
    "aws_region_name": _CLOUD,
    "vertex_project": _CLOUD,
    "vertex_location": _CLOUD,
    "vertex_credentials": _CLOUD,
    "drop_params": _AS_THEY_COME,
}

GENERAL: Mapping[str, str] = {
    "database_url": _DATABASE,
    "database_connection_pool_limit": _DATABASE,
    "database_connection_timeout": _DATABASE,
    "store_model_in_db": "models come from the settings alone",
    "store_prompts_in_spend_logs": _CONTENTS,
    "disable_spend_logs": _DATABASE,
    "alerting": "alert on `/metrics` with Prometheus",
    "alerting_threshold": "alert on `/metrics` with Prometheus",
    "alert_types": "alert on `/metrics` with Prometheus",
    "background_health_checks": _CHECKS,
    "health_check_interval": _CHECKS,
    "custom_auth": "no code of yours runs in a node; make keys with `aiex keys create`",
    "enable_jwt_auth": "only API keys are accepted",
    "litellm_jwtauth": "only API keys are accepted",
    "max_parallel_requests": _AT_ONCE,
    "pass_through_endpoints": "only OpenAI's and Anthropic's APIs are served",
    "key_management_system": "give secrets as files: AIEX_…_FILE",
    "key_management_settings": "give secrets as files: AIEX_…_FILE",
    "completion_model": "every request names its model",
    "ui_access_mode": "there is no UI; `aiex status` and the admin API show the node",
    "proxy_batch_write_at": _DATABASE,
    "allowed_ips": "which addresses may connect is the network's to decide",
}

ROUTER: Mapping[str, str] = {
    "retry_policy": _RETRIES,
    "retry_after": _RETRIES,
    "max_fallbacks": "a request is tried at six targets at most",
    "allowed_fails": _COOLDOWN,
    "allowed_fails_policy": _COOLDOWN,
    "cooldown_time": _COOLDOWN,
    "disable_cooldowns": _COOLDOWN,
    "redis_host": _REDIS,
    "redis_port": _REDIS,
    "redis_password": _REDIS,
    "redis_url": _REDIS,
    "enable_pre_call_checks": "tokens are not counted before a call",
    "enable_tag_filtering": "targets are not chosen by tags",
    "cache_responses": _CACHE,
    "routing_strategy_args": "how load and latency are weighed is not set",
    "default_litellm_params": REQUEST_DEFAULT,
}

LITELLM: Mapping[str, str] = {
    "allowed_fails": _COOLDOWN,
    "cooldown_time": _COOLDOWN,
    "drop_params": _AS_THEY_COME,
    "modify_params": _AS_THEY_COME,
    "success_callback": _CALLBACKS,
    "failure_callback": _CALLBACKS,
    "callbacks": _CALLBACKS,
    "service_callbacks": _CALLBACKS,
    "service_callback": _CALLBACKS,
    "langfuse_default_tags": _CALLBACKS,
    "cache": _CACHE,
    "cache_params": _CACHE,
    "turn_off_message_logging": _CONTENTS,
    "redact_user_api_key_info": "not needed: the log has a key's public id only",
    "max_budget": "budgets are a key's: `limits.budget_usd`, or `aiex keys update --budget`",
    "budget_duration": "budgets are for a calendar month",
    "default_internal_user_params": "there are no users, only keys",
    "default_team_settings": "there are no teams, only keys",
    "key_generation_settings": "keys are made by operators, with `aiex keys create`",
    "ssl_verify": "give a provider its `ca_file`; certificates are always verified",
    "guardrails": "contents are not looked at",
    "api_key": "give each provider its own key",
    "api_base": "give each provider its own base_url",
}

TOP: Mapping[str, str] = {
    "environment_variables": "the environment is not set from a file; export them, or use AIEX_…",
    "include": "import the included files by themselves",
    "callback_settings": _CALLBACKS,
    "guardrails": "contents are not looked at",
    "mcp_servers": "MCP is not served",
    "vector_store_registry": "vector stores are not served",
    "files_settings": "files are not served",
    "finetune_settings": "fine-tuning is not served",
    "assistant_settings": "OpenAI's assistants are not served",
    "prompts": "prompts are the clients'",
    "search_tools": "tools are the clients'",
}
