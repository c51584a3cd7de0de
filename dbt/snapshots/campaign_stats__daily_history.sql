{% snapshot campaign_stats__daily_history %}
{{
    config(
        enabled=campaign_stats.keeps_history(),
        unique_key=['source_relation', 'vendor', 'account', 'campaign_id', 'date_day'],
        strategy='check',
        check_cols=campaign_stats.metrics().keys() | list,
        updated_at=campaign_stats.now_in_utc(),
    )
}}
select
    source_relation,
    vendor,
    account,
    campaign_id,
    date_day,
    {{ campaign_stats.metrics().keys() | join(',\n    ') }}
from {{ ref('campaign_stats__daily') }}
{% endsnapshot %}
