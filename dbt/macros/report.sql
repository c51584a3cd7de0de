{#-
    A report: the rows of `parts` (account columns, date_day, dimensions, metrics) added up for each campaign, day and
    value of the dimensions, with the campaign's name and channel. A sum is null only where every part is null.
-#}
{% macro report(parts, dimensions=[], metrics=none) %}
{%- set key = ['source_relation', 'vendor', 'account', 'campaign_id', 'date_day'] + dimensions -%}
sums as (
    select
        {{ key | join(',\n        ') }},
        {%- for name in metrics or campaign_stats.metrics() %}
        cast(sum({{ name }}) as {{ campaign_stats.type_of(campaign_stats.metrics()[name]) }})
            as {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from {{ parts }}
    group by {{ key | join(', ') }}
)

select
    sums.source_relation,
    sums.vendor,
    sums.account,
    sums.campaign_id,
    campaigns.campaign_name,
    {{ campaign_stats.channel_of('sums.vendor', 'campaigns.channel') }} as channel,
    sums.date_day,
    {%- for dimension in dimensions %}
    sums.{{ dimension }},
    {%- endfor %}
    {%- for name in metrics or campaign_stats.metrics() %}
    sums.{{ name }}{{ "," if not loop.last }}
    {%- endfor %}
from sums
left join {{ ref('int_campaign_stats__listed_campaigns') }} as campaigns
    on
        campaigns.source_relation = sums.source_relation
        and campaigns.vendor = sums.vendor
        and campaigns.account = sums.account
        and campaigns.campaign_id = sums.campaign_id
{% endmacro %}


{#- Batch MEP sends only push, so its campaigns have a channel even when they are no longer listed. -#}
{% macro channel_of(vendor, listed_channel) %}
    {{- return('case when ' ~ vendor ~ " = 'batch_legacy' then 'push' else " ~ listed_channel ~ ' end') -}}
{% endmacro %}


{#- The first columns of the rows that a report adds up. -#}
{% macro campaign_day(vendor, account, campaign_id) %}
        source_relation,
        cast('{{ vendor }}' as {{ dbt.type_string() }}) as vendor,
        {{ account }} as account,
        {{ campaign_id }} as campaign_id,
        date_day
{%- endmacro %}
