with marked as (
    select
        part, query_id, start_ms, end_ms, {tail} as query_text, cache_hit, credits, bytes_billed, slot_ms, usd,
        case
            when length(replace(query_text, {marker}, '')) < length(query_text) - length({marker}) then null
            when {position}(query_text, {marker}) > 5
            then substr(query_text, 1, {position}(query_text, {marker}) - 1)
            else substr(query_text, {position}(query_text, {newline}) + 1)
        end as text_key
    from {relation}
    where end_ms >= :from_ms - 86400000
      and end_ms < :until_ms
      and (part <> 'query' or query_text like '%Hex query _etadata:%')
),
compared as (
    select
        part, query_id, start_ms, end_ms, query_text, cache_hit, credits, bytes_billed, slot_ms, usd, text_key,
        min(end_ms) over (
            partition by text_key order by end_ms range between 86400000 preceding and 1 preceding
        ) as equal_ms
    from marked
)
select
    part, query_id, start_ms, end_ms, query_text, cache_hit, credits, bytes_billed, slot_ms, usd,
    case when text_key is not null then equal_ms end as equal_ms
from compared
where end_ms >= :from_ms
order by end_ms, query_id
