"""Transcriptions with speakers, with the official client: what a sidecar says is spoken."""

import json

from conftest import running
from test_assets import create_asset


def test_transcription_of_a_sidecar(clips, tmp_path):
    sidecar = {
        "transcript": [
            {"start": 0, "end": 1, "text": "Good evening.", "speaker": "Ada"},
            {"start": 1, "end": 2, "text": "It rains.", "speaker": "Bob"},
        ]
    }
    (tmp_path / "good.mp4.tl.json").write_text(json.dumps(sidecar))
    with running("--answers", str(tmp_path)) as emulator:
        client = emulator.client.assets
        asset = create_asset(emulator, clips / "good.mp4").id
        words = client.retrieve_transcription(asset)
        assert (words.status, len(words.words)) == ("ready", 4)
        assert words.utterances is None
        turns = client.retrieve_transcription(asset, include=["utterances", "sentences"])
        assert [(turn.speaker, turn.value) for turn in turns.utterances] == [("Ada", "Good evening."), ("Bob", "It rains.")]
        assert (turns.sentences[1].start, turns.sentences[1].end) == (1, 2)
