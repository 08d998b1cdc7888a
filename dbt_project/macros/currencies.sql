{# Currencies of ISO 4217; an amount in any other is listed, never summed. #}
{% macro is_known_currency(currency) -%}
    {%- set codes = 'AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND '
        ~ 'BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK '
        ~ 'DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF '
        ~ 'IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP '
        ~ 'LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN '
        ~ 'NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR '
        ~ 'SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD '
        ~ 'TZS UAH UGX USD UYI UYU UYW UZS VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW '
        ~ 'ZWG' -%}
    ({{ currency }} = any(string_to_array('{{ codes }}', ' ')))
{%- endmacro %}

{# The currency in which sums over currencies are told. #}
{% macro reporting_currency() -%}
    {%- set currency = env_var('DAYBOOK_REPORTING_CURRENCY', 'EUR') -%}
    {%- if not modules.re.fullmatch('[A-Z]{3}', currency) -%}
        {{ exceptions.raise_compiler_error('DAYBOOK_REPORTING_CURRENCY names no currency') }}
    {%- endif -%}
    '{{ currency }}'
{%- endmacro %}
