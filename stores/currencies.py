"""How many digits a currency has behind the point, as of ISO 4217.

https://www.six-group.com/en/products-services/financial-information/data-standards.html
"""

_NONE = frozenset("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split())  # noqa: SIM905
_THREE = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def decimals(currency: str) -> int:
    """2, or 0 for such as JPY, or 3 for such as KWD."""
    code = currency.upper()
    return 0 if code in _NONE else 3 if code in _THREE else 2
