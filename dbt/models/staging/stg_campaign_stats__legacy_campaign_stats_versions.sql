-- depends_on: {{ source('campaign_stats', 'legacy_campaign_stats') }}
with stats as (
    {{ staged('legacy_campaign_stats', [
        ['app', 'text', 'app'],
        ['campaign_token', 'text', 'campaign_token'],
        ['date', 'day', 'date_day'],
        ['versions', 'json', 'versions'],
    ]) }}
)

select
    stats.source_relation,
    stats.app,
    stats.campaign_token,
    stats.date_day,
    cast(part.position as {{ dbt.type_int() }}) as position,
    {{ json_value('part.item', 'version', 'text') }} as version,
    {%- for column in ['sent', 'direct_open', 'influenced_open', 'errors'] %}
    {{ json_value('part.item', column, 'integer') }} as {{ column }}{{ "," if not loop.last }}
    {%- endfor %}
from stats
{{ unnest('stats.versions', 'part') }}
where {{ json_text('part.item') }} is not null
