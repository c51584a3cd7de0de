with parts as (
    select *
    from {{ ref('int_campaign_stats__moengage_leaves') }}
    where is_locale_part
),

{{ report('parts', ['locale']) }}
