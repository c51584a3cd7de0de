-- depends_on: {{ source('campaign_stats', 'legacy_campaigns') }}
{{ staged('legacy_campaigns', [
    ['app', 'text', 'app'],
    ['campaign_token', 'text', 'campaign_token'],
    ['name', 'text', 'name'],
    ['created_date', 'moment', 'created_at'],
    ['push_time', 'moment', 'started_at'],
]) }}
