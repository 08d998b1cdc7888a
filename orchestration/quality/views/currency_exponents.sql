-- One row per currency whose minor unit is not a hundredth (ISO 4217), with the number of
-- decimals of an amount in it.
select
    currencies.currency,
    exponents.exponent
from (
    values
    (
        0,
        'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'
    ),
    (3, 'BHD IQD JOD KWD LYD OMR TND'),
    (4, 'CLF UYW')
) as exponents (exponent, currencies)
cross join lateral string_to_table(exponents.currencies, ' ') as currencies (currency)
