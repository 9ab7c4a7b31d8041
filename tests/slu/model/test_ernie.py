"""The encoder without the rest of PaddleNLP, and PaddleNLP whole afterwards."""

from __future__ import annotations

import subprocess
import sys


def test_the_encoder_comes_alone_and_is_that_of_paddlenlp() -> None:
    code = (
        "import sys\n"
        "from slu.platform import prepare_paddle\n"
        "prepare_paddle()\n"
        "from slu.model.ernie import ErnieConfig, ErnieModel\n"
        "others = {'paddlenlp.taskflow', 'paddlenlp.datasets', 'pandas', 'sklearn', 'matplotlib', 'fastapi'}\n"
        "assert not others & set(sys.modules), others & set(sys.modules)\n"
        "import paddlenlp\n"
        "from paddlenlp.transformers import ErnieTokenizer\n"
        "assert paddlenlp.transformers.ErnieModel is ErnieModel and paddlenlp.transformers.ErnieConfig is ErnieConfig\n"
        "assert paddlenlp.Taskflow and paddlenlp.data.Vocab and paddlenlp.__version__\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
