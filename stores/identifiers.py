"""Identifiers, pure: the form in which they are compared, and which of them identify nothing."""

import re
from unicodedata import normalize

# Zero-width characters, marks of direction and byte order marks: nobody sees them, and copying brings them along.
_UNSEEN = dict.fromkeys(
    [0xAD, 0x34F, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF]
)
# What people put into an identifier, or leave out, without meaning another one.
PUNCTUATION = " \t\u00a0-\u2010\u2011\u2013_./\\,:;#*+'\"()[]|"
WITHOUT_PUNCTUATION = str.maketrans("", "", PUNCTUATION)

# A spreadsheet makes these of long numbers. "1e5" without a sign may be somebody's own number.
_SCIENTIFIC = re.compile(r"[+-]?(\d+[.,]\d*e[+-]?\d+|\d+e[+-]\d+)")
_ERROR = re.compile(r"#[^\W\d_]+(/\w+)?[!?]|#(n/a|n/v|nv|n/d|nd|getting_data)|err:\d+|#div/0!")
_CROSSED_OUT = re.compile(r"x{3,}|\?+")
# The usual words for none, without punctuation and blanks.
# Digits that people type to have something there: one of them again and again, or up and down the keyboard. Shorter
# ones may be somebody's own numbers.
_LEAST_FILLING_DIGITS = 8
_KEYBOARDS = tuple(digits * 3 for digits in ("1234567890", "0123456789", "9876543210", "0987654321"))
# The field's own name, and what is typed to try it out, without punctuation and blanks.
_PLACEHOLDERS = """
sku barcode ean ean8 ean13 upc upca gtin gtin8 gtin12 gtin13 gtin14 isbn asin mpn strichcode artikelnummer codebarres
test testing test123 testsku testean testbarcode sample example dummy placeholder temp tmp asdf qwerty abc abc123 foo
muster beispiel platzhalter exemple ejemplo prueba esempio prova exemplo teste voorbeeld
"""
_NONE_WORDS = """
na none null nil nan undefined unknown empty blank missing notapplicable doesnotapply notavailable notset unset default
tbd tba tbc tobedefined todo nosku nobarcode noean noupc nogtin nocode exempt gtinexempt
keine keiner keines kein leer unbekannt entfällt entfaellt nichtzutreffend trifftnichtzu nichtvorhanden keinean
aucun aucune néant neant vide inconnu inconnue sansobjet nonapplicable sanscode pardéfaut pardefaut àdéfinir adefinir
ninguno ninguna nulo vacío vacio desconocido noaplica noaplicable nodisponible sincódigo sincodigo sinsku pordefinir
predeterminado nessuno nessuna vuoto sconosciuto nonapplicabile nondisponibile dadefinire predefinito
nenhum nenhuma vazio desconhecido nãoaplicável naoaplicavel nãoseaplica naoseaplica semcódigo semcodigo semsku
geen onbekend leeg nvt nietvantoepassing brak niedotyczy nieznany niema puste domyślny
ingen inget saknas okänd ukendt ukjent ejtillämpligt puuttuu tuntematon eimitään žádný žádné zadny neznámý neuvedeno
nincs niciunul necunoscut yok bilinmiyor varsayılan tidakada khôngcó
нет отсутствует неизвестно неприменимо немає відсутній κανένα δενισχύει אין لايوجد
なし 無し 無 該当なし 未定 不明 无 没有 未知 不适用 不適用 默认 없음 해당없음 미정
"""


def normalize_text(text: str) -> str:
    """A text in the one form in which it is compared: Unicode's NFKC, without what nobody sees, blanks around and case.

    Normalising it again changes nothing.
    """
    if text.isascii():
        return text.strip().casefold()
    folded = normalize("NFKC", text).translate(_UNSEEN).casefold()
    return normalize("NFKC", folded).translate(_UNSEEN).strip()


_FILLING = frozenset(normalize_text(word) for word in _PLACEHOLDERS.split())
_NOTHING = frozenset(normalize_text(word) for word in _NONE_WORDS.split())


def why_no_identity(key: str) -> str:
    """Why a normalised SKU or barcode identifies nothing, in words; '' if it may identify something."""
    bare = key.translate(WITHOUT_PUNCTUATION)
    if not key:
        return ""
    if not bare.lstrip("0"):
        return "only zeros or punctuation"
    if _SCIENTIFIC.fullmatch(key):
        return "a number that a spreadsheet has shortened"
    if _ERROR.fullmatch(key):
        return "a spreadsheet's error"
    if bare in _NOTHING:
        return "a usual word for none"
    if bare in _FILLING or _CROSSED_OUT.fullmatch(bare) or _is_typed_through(bare):
        return "a placeholder"
    return ""


def _is_typed_through(bare: str) -> bool:
    if len(bare) < _LEAST_FILLING_DIGITS or not (bare.isascii() and bare.isdecimal()):
        return False
    return len(set(bare)) == 1 or any(bare in digits for digits in _KEYBOARDS)
