{{ config(
    unique_key=['day', 'basis', 'provider_id', 'service', 'currency'],
    indexes=[{
        'columns': ['day', 'basis', 'provider_id', 'service', 'currency'], 'unique': true,
    }],
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
    coalesce(provider_id, 'unknown') as provider_id,
    coalesce(service, 'unknown') as service,
    currency,
    {{ revenue_sums() }}
from dated
group by day, basis, coalesce(provider_id, 'unknown'), coalesce(service, 'unknown'), currency
