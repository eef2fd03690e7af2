"""What lies among scans and is none, by its name: what systems, NAS boxes, cameras and programs leave in folders."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Literal

Kind = Literal["system", "placeholder", "side_file", "sound", "text"]

_SYSTEM_FOLDERS = (
    # NAS boxes: Synology, QNAP, and what they mount
    *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", ".@__thumb", "@__thumb"),
    *(".@upload_cache", ".streams", ".synologyworkingdirectory"),
    # Windows, macOS, Linux
    *("$recycle.bin", "recycler", "system volume information", "__macosx", ".appledouble", ".spotlight-v100"),
    *(".fseventsd", ".temporaryitems", ".documentrevisions-v100", ".trashes", ".trash", ".trash-*", ".thumbnails"),
    *("lost+found", ".xvpics"),
)
_SYSTEM_FILES = (
    ".ds_store",
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    ".picasa.ini",
    "._*",
    "~$*",
)
_PLACEHOLDERS = (
    *(".keep", ".gitkeep", ".nomedia", ".placeholder", ".directory"),
    # files that a cloud has not brought, or that a program is still bringing
    *("*.icloud", "*.cloud", "*.cloudf", "*.gdoc", "*.gsheet", "*.crdownload", "*.part", "*.partial", "*.tmp"),
)
_SIDE_FILES = (
    *("*.xmp", "*.md5", "*.sha1", "*.sha256", "*.sha512", "*.csv", "*.json", "*.xml", "*.aae", "*.thm", "*.ini"),
    *("*.pp3", "*.dop", "*.cos", "*.nksc", "*.lnk", "*.url", "*.log"),
)
_SOUND = ("*.wav", "*.mp3", "*.m4a", "*.aac", "*.flac", "*.ogg", "*.opus", "*.wma", "*.amr", "*.aif", "*.aiff", "*.mid")
_TEXT = ("*.txt", "*.md", "*.rtf", "*.doc", "*.docx", "*.odt", "*.xls", "*.xlsx", "*.ods", "*.htm", "*.html")
_FILES: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("system", _SYSTEM_FILES),
    ("placeholder", _PLACEHOLDERS),
    ("side_file", _SIDE_FILES),
    ("sound", _SOUND),
    ("text", _TEXT),
)


def kind_by_name(relative: str) -> Kind | None:
    """What a file is that is no scan; None if it may be one.

    :param relative: its path inside the collection, with ``/``; letter case does not count.
    """
    *folders, name = relative.lower().split("/")
    if any(is_system_folder(folder) for folder in folders):
        return "system"
    return next((kind for kind, patterns in _FILES if _matches(name, patterns)), None)


def is_system_folder(name: str) -> bool:
    """Whether a folder of this name is a system's own: thumbnails, recycled files, indexes."""
    return _matches(name.lower(), _SYSTEM_FOLDERS)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
