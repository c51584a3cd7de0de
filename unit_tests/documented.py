"""The metrics that the vendors' reference pages name, with the types they give: metric -> JSON type."""

_INTEGER, _NUMBER = "integer", "number"


def _typed(integers: str, numbers: str = "") -> dict[str, str]:
    return dict.fromkeys(integers.split(), _INTEGER) | dict.fromkeys(numbers.split(), _NUMBER)


# Batch CEP, orchestrations/stats: of a day, a platform, a version and a step alike.
ORCHESTRATION_STATS = _typed(
    "sent delivered sent_optin unique_open unique_direct_open total_open unique_machine_open unique_click total_click "
    "spam unsubscribe total_bounce skipped unique_conversion total_conversion dismissed displayed",
    "total_revenue revenue_per_mille",
)

# Batch MEP, campaigns/stats: of a day, and of a version of an A/B test.
LEGACY_CAMPAIGN_STATS = _typed("sent sent_optins direct_open influenced_open reengaged errors")
LEGACY_VERSIONS = _typed("sent sent_optins direct_open influenced_open reengaged")

# Batch MEP, transactional/stats: of a day of a group.
LEGACY_TRANSACTIONAL_STATS = _typed("sent direct_open influenced_open reengaged errors")

# MoEngage, campaign-stats.
PERFORMANCE_STATS = _typed(
    "attempted sent failed bounced impression click opened delivered read closed_click unsubscribe successfully_synced "
    "eligible_users complaint hard_bounce soft_bounce",
    "ctr delivery_rate read_rate sent_rate failure_rate open_rate ctor unsub_rate bounce_rate complaints_rate",
)
DELIVERY_FUNNEL = _typed(
    "reachable_users_in_segment segment_after_uninstall after_fc users_after_dup sent user_devices impressions "
    "active_device_token after_invalid_removal total_user_in_segment user_with_email user_with_email_after__h_b "
    "user_after_duplicate_removal after_personalization_removal delivered"
)
CONVERSION_GOAL_STATS = _typed(
    "conversions total unique", "cvr uplift revenue average_order_value average_revenue_per_user gcg_uplift"
)
