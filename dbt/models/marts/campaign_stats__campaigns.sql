with listed as (
    select * from {{ ref('int_campaign_stats__listed_campaigns') }}
),

in_statistics as (
    select source_relation, project_key as account, orchestration_id as campaign_id, 'batch' as vendor
    from {{ ref('stg_campaign_stats__orchestration_stats') }}
    union
    select source_relation, app as account, campaign_token as campaign_id, 'batch_legacy' as vendor
    from {{ ref('stg_campaign_stats__legacy_campaign_stats') }}
    union
    select source_relation, workspace_id as account, campaign_id, 'moengage' as vendor
    from {{ ref('stg_campaign_stats__moengage_campaign_stats') }}
),

campaigns as (
    select source_relation, vendor, account, campaign_id from listed
    union
    select source_relation, vendor, account, campaign_id from in_statistics
),

days as (
    select
        source_relation,
        vendor,
        account,
        campaign_id,
        min(date_day) as first_day,
        max(date_day) as last_day
    from {{ ref('campaign_stats__daily') }}
    group by source_relation, vendor, account, campaign_id
)

select
    campaigns.source_relation,
    campaigns.vendor,
    campaigns.account,
    campaigns.campaign_id,
    listed.campaign_name,
    {{ channel_of('campaigns.vendor', 'listed.channel') }} as channel,
    listed.campaign_type,
    listed.status,
    listed.created_at,
    listed.started_at,
    (listed.campaign_id is not null) as is_listed,
    days.first_day,
    days.last_day
from campaigns
left join listed
    on
        listed.source_relation = campaigns.source_relation
        and listed.vendor = campaigns.vendor
        and listed.account = campaigns.account
        and listed.campaign_id = campaigns.campaign_id
left join days
    on
        days.source_relation = campaigns.source_relation
        and days.vendor = campaigns.vendor
        and days.account = campaigns.account
        and days.campaign_id = campaigns.campaign_id
