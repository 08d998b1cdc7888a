{# What is the same in two errors that are one (SEMANTICS 2.14): ids and numbers gone. #}
{% macro without_ids(text) -%}
    btrim(regexp_replace(
        regexp_replace(
            regexp_replace(
                {{ text }},
                '\m[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\M', '#', 'gi'
            ),
            '\m(?=[0-9a-f]*[0-9])[0-9a-f]{8,}\M|[0-9]+', '#', 'gi'
        ),
        '\s+', ' ', 'g'
    ))
{%- endmacro %}

{# The three topmost frames of a stack as one text, or null when it has none. #}
{% macro top_frames(stack) -%}
    (
        select string_agg(top.frame, ' | ' order by top.position)
        from (
            select
                btrim(lines.line) as frame,
                lines.position
            from regexp_split_to_table({{ stack }}, '[\r\n]+')
                with ordinality as lines (line, position)
            where lines.line ~ '^\s*(at |File |[^\s@]*@)'
            order by lines.position
            limit 3
        ) as top
    )
{%- endmacro %}
