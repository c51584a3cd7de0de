-- depends_on: {{ source('campaign_stats', 'legacy_campaign_stats') }}
{{ staged('legacy_campaign_stats', [
    ['app', 'text', 'app'],
    ['campaign_token', 'text', 'campaign_token'],
    ['date', 'day', 'date_day'],
    ['sent', 'integer', 'sent'],
    ['direct_open', 'integer', 'direct_open'],
    ['influenced_open', 'integer', 'influenced_open'],
    ['errors', 'integer', 'errors'],
]) }}
