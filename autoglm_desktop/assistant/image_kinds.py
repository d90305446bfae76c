"""Which formats of images are read here, and what to do with a file of another kind.

Formats are allowed by name: some that Pillow knows run other programs or open other files (EPS, for one).
"""

from __future__ import annotations

from autoglm_desktop.core.i18n import Text, msg

_ALWAYS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "ICO")
_WHERE_BUILT_IN = {"AVIF": "avif", "JPEG2000": "jpg_2000"}
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_HEADS = {
    b"%PDF": "PDF",
    b"%!PS": "PostScript",
    b"8BPS": "Photoshop",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "JPEG XL",
}
_HEAD_BYTES = 1024


def formats_here() -> tuple[str, ...]:
    """Pillow's names of what is read, HEIF where its plug-in is installed."""
    from PIL import features

    built_in = (name for name, feature in _WHERE_BUILT_IN.items() if features.check(feature))
    return (*_ALWAYS, *built_in, *_heif())


def advice_for(data: bytes, formats: tuple[str, ...]) -> Text:
    """What to do with a file that is none of `formats`."""
    kind = _kind(data[:_HEAD_BYTES])
    if kind == "HEIC" and "HEIF" not in formats:
        return msg("HEIC needs the package pillow-heif. Or save the image as PNG or JPEG, then try again.")
    if kind == "AVIF" and "AVIF" not in formats:
        return msg("Pillow is installed without AVIF. Save the image as PNG or JPEG, then try again.")
    if kind:
        return msg("It is a file of the kind {kind}. Save it as PNG or JPEG, then try again.", kind=kind)
    return msg("Use PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF.")


def _kind(head: bytes) -> str:
    """What a file is by its first bytes; empty for what is not known."""
    if head[4:8] == b"ftyp":
        return "AVIF" if head[8:12] in _AVIF_BRANDS else "HEIC" if head[8:12] in _HEIF_BRANDS else "MP4"
    if b"<svg" in head:
        return "SVG"
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "HTML"
    return next((kind for mark, kind in _HEADS.items() if head.startswith(mark)), "")


def _heif() -> tuple[str, ...]:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return ()
    register_heif_opener(thumbnails=False)
    return ("HEIF",)
