{{ config(
    unique_key=['day', 'basis', 'currency'],
    indexes=[{'columns': ['day', 'basis', 'currency'], 'unique': true}],
) }}

with

dated as (

    {% for basis in ['booked', 'service', 'cash'] %}
        {{ money_of_basis(basis) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    day,
    basis,
    currency,
    {{ revenue_sums() }}
from dated
group by day, basis, currency
