{#- Whether the snapshot and the changes are built. A variable from the environment may be text. -#}
{% macro keeps_history() %}
    {{ return(var('campaign_stats_history', false) | string | lower == 'true') }}
{% endmacro %}
