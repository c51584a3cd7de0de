{#- A model has one row for each combination of these columns. -#}
{% test one_row_for_each(model, columns) %}
select
    {{ columns | join(', ') }},
    count(*) as found
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
