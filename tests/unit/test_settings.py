"""Settings are documented, bounded, and keep their secrets."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from restoration.cli.settings import as_markdown
from restoration.errors import SettingsError
from restoration.settings import Settings, get_settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def test_every_setting_has_help_text():
    missing = [name for name, field in Settings.model_fields.items() if not field.description]
    assert missing == []


def test_the_page_is_what_the_command_prints():
    assert PAGE.read_text(encoding="utf-8") == as_markdown()


def test_environment_wins_over_the_default(monkeypatch):
    monkeypatch.setenv("RESTORATION_BATCH_SIZE", "7")
    assert Settings(_env_file=None).batch_size == 7


@pytest.mark.parametrize("value", ["0", "-1", "1000", "many"])
def test_senseless_values_are_refused(monkeypatch, value):
    monkeypatch.setenv("RESTORATION_BATCH_SIZE", value)
    with pytest.raises(ValidationError):
        Settings(_env_file=None)


def test_secrets_are_not_shown(monkeypatch):
    monkeypatch.setenv("RESTORATION_DATABASE_URL", "postgresql+psycopg2://me:hunter2@db/x")
    monkeypatch.setenv("RESTORATION_S3_SECRET_ACCESS_KEY", "hunter2")
    assert "hunter2" not in repr(Settings(_env_file=None))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"RESTORATION_MAX_PIXELS=secret-abc\n", "RESTORATION_MAX_PIXELS: "), (b"\xff\xfe\xb0", "not UTF-8")],
)
def test_a_setting_that_cannot_be_used_is_one_sentence_without_its_value(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(content)
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match=words) as refused:
        get_settings()
    get_settings.cache_clear()
    assert "secret-abc" not in str(refused.value)
