-- depends_on: {{ source('campaign_stats', 'moengage_campaigns') }}
{{ staged('moengage_campaigns', [
    ['workspace_id', 'text', 'workspace_id'],
    ['campaign_id', 'text', 'campaign_id'],
    ['campaign_name', 'text', 'campaign_name'],
    ['channel', 'text', 'channel'],
    ['campaign_delivery_type', 'text', 'campaign_delivery_type'],
    ['campaign_status', 'text', 'campaign_status'],
    ['campaign_start_time', 'moment', 'started_at'],
]) }}
