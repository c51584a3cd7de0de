-- depends_on: {{ source('campaign_stats', 'legacy_campaign_stats') }}
{{ parts('legacy_campaign_stats', ['app', 'campaign_token'], 'versions', 'version', [
    ['sent', 'integer'],
    ['direct_open', 'integer'],
    ['influenced_open', 'integer'],
    ['errors', 'integer'],
]) }}
