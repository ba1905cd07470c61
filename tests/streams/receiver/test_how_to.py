"""docs/how-to/intake.md: its commands run, and print what it says."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from streams.broker import EmbeddedBroker
from streams.receiver.run import running
from streams.servers import Intake
from streams.settings import Kafka, Settings

PAGE = (Path(__file__).parents[3] / "docs/how-to/intake.md").read_text("utf-8")
STEPS = re.findall(r"```sh\n([^`]*)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)
TOKEN = "a-token-for-the-page"


def test_every_command_of_the_page_answers_as_the_page_says(tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here, so the commands of docs/how-to/intake.md weren't tried")
    assert len(STEPS) == PAGE.count("curl -s http") == 4

    async def run() -> None:
        with EmbeddedBroker() as broker:
            settings = Settings(
                kafka=Kafka(bootstrap_servers=(broker.bootstrap,)),
                intake=Intake(tokens=(TOKEN,), port=0),
            )
            async with running(settings) as site:
                for command, answer in STEPS:
                    assert json.loads(await said(command, site.url)) == json.loads(answer)

    async def said(command: str, url: str) -> bytes:
        done = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-c", command.replace("http://127.0.0.1:9466", url)],
            cwd=tmp_path,
            env={**os.environ, "KPI_INTAKE_TOKENS": TOKEN},
            capture_output=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    asyncio.run(run())
