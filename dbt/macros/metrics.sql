{#- The metrics of the reports in their order, each with its kind. -#}
{% macro metrics() %}
    {{ return({
        'sends': 'integer',
        'deliveries': 'integer',
        'impressions': 'integer',
        'opens': 'integer',
        'unique_opens': 'integer',
        'machine_opens': 'integer',
        'clicks': 'integer',
        'unique_clicks': 'integer',
        'conversions': 'integer',
        'unique_conversions': 'integer',
        'revenue': 'number',
        'unsubscribes': 'integer',
        'bounces': 'integer',
        'complaints': 'integer',
        'failures': 'integer',
    }) }}
{% endmacro %}


{#- The metrics that a conversion goal has. -#}
{% macro goal_metrics() %}
    {{ return(['conversions', 'unique_conversions', 'revenue']) }}
{% endmacro %}


{#- The metrics of a report, from those that a vendor counts: {metric: expression}. The others are null. -#}
{% macro metrics_from(expressions, names=none) %}
    {%- for name in names or campaign_stats.metrics() %}
        {{ expressions.get(name, 'cast(null as ' ~ campaign_stats.type_of(campaign_stats.metrics()[name]) ~ ')') }}
            as {{ name }}{{ "," if not loop.last }}
    {%- endfor %}
{% endmacro %}


{#- What Batch counts, for an orchestration's day or a part of it. -#}
{% macro batch_metrics() %}
    {{ return(campaign_stats.metrics_from({
        'sends': 'sent',
        'deliveries': 'delivered',
        'opens': 'total_open',
        'unique_opens': 'unique_open',
        'machine_opens': 'unique_machine_open',
        'clicks': 'total_click',
        'unique_clicks': 'unique_click',
        'conversions': 'total_conversion',
        'unique_conversions': 'unique_conversion',
        'revenue': 'total_revenue',
        'unsubscribes': 'unsubscribe',
        'bounces': 'total_bounce',
        'complaints': 'spam',
    })) }}
{% endmacro %}


{#- What Batch MEP counts, for a campaign's day or a version of it. -#}
{% macro batch_legacy_metrics() %}
    {{ return(campaign_stats.metrics_from({
        'sends': 'sent',
        'opens': 'case when direct_open is not null or influenced_open is not null'
            ~ ' then coalesce(direct_open, 0) + coalesce(influenced_open, 0) end',
        'failures': 'errors',
    })) }}
{% endmacro %}


{#- What MoEngage counts. metric_type says whether events or people are counted; some metrics are the same in both. -#}
{% macro moengage_metrics(names=none) %}
    {%- set is_total, is_unique = "upper(metric_type) = 'TOTAL'", "upper(metric_type) = 'UNIQUE'" -%}
    {{ return(campaign_stats.metrics_from({
        'sends': 'sent',
        'deliveries': 'delivered',
        'impressions': 'impression',
        'opens': 'case when ' ~ is_total ~ ' then coalesce(opened, ' ~ adapter.quote('read') ~ ') end',
        'unique_opens': 'case when ' ~ is_unique ~ ' then coalesce(opened, ' ~ adapter.quote('read') ~ ') end',
        'clicks': 'case when ' ~ is_total ~ ' then click end',
        'unique_clicks': 'case when ' ~ is_unique ~ ' then click end',
        'conversions': 'case when ' ~ is_total ~ ' then goal_conversions end',
        'unique_conversions': 'case when ' ~ is_unique ~ ' then goal_conversions end',
        'revenue': 'goal_revenue',
        'unsubscribes': 'unsubscribe',
        'bounces': 'bounced',
        'complaints': 'complaint',
        'failures': 'failed',
    }, names)) }}
{% endmacro %}
