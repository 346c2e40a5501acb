"""Tokenizers and files of ids: what the cells of core/08g_gemma to core/09_tokens cannot show."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import write_parquet
from rugpt_core.corpus import article, dedup
from rugpt_core.tokenization import bins as bins_module
from rugpt_core.tokenization import fast_encode, gemma, splits, stage, tokenizer, trimming, vocabulary, writer

ROOT = Path(__file__).resolve().parent.parent
WORDS = (
    "Волга впадает в Каспийское море . Река начинается на Валдайской возвышенности и течёт через равнину . "
    "В 1931 году здесь построили завод « Прогресс » , где работали 12 450 человек — почти весь город ."
).split()

HOSTILE = [
    "",
    " ",
    "   ",
    "\n",
    "\n\n\n",
    " \t\r\n\x0b\x0c",
    "ёЁйЙ",
    "и\u0306 е\u0308",
    "за\u0301мок",
    "\u00ad\u200b\ufeff\u00a0\u2028",
    "<bos>",
    "<eos><pad>",
    "a<bos>б",
    "<start_of_turn>user",
    "<0x41>",
    "<unused7>",
    "[multimodal]",
    "😀👩\u200d👩\u200d👧\U0001f1f7\U0001f1fa",
    "\U0010ffff\U00010000",
    "\x00\x01\x1f",
    "中文 한국어 العربية हिन्दी",
    "=" * 700,
    "аб" * 900,
    " " * 90,
    "\n" * 70,
    "\t" * 40,
    "3,1415926535",
    "it's we'LL",
    "«—…№»",
]

# Ids of the tokenizer.json published with Gemma 3, without special tokens.
GEMMA_IDS = {
    "Волга впадает в Каспийское море.": [
        33134,
        81641,
        909,
        172145,
        909,
        7917,
        106109,
        236934,
        25147,
        110788,
        236761,
    ],
    "ёлка, Ёж и «кавычки» — тире…": [
        237503,
        31282,
        236764,
        205760,
        236966,
        1079,
        2789,
        1173,
        4318,
        18858,
        237167,
        2192,
        14326,
        1150,
        237064,
    ],
    "за\u0301мок": [3086, 238288, 106622],
    "В 1931 году   три  пробела\n\n\nабзац\t\tтаб": [
        237146,
        236743,
        236770,
        236819,
        236800,
        236770,
        18010,
        139,
        12930,
        138,
        7877,
        7177,
        1380,
        109,
        138339,
        3086,
        236993,
        255969,
        1329,
        236915,
    ],
    " " * 40: [167, 145],
    "<bos>": [236820, 46757, 236813],
    "<table>": [168],
    "😀\U0010ffff": [242398, 482, 381, 429, 429],
    "中文 العربية": [55041, 87595],
    "\x00": [238],
    "▁ ▁▁": [138, 138],
}


def selection(n: int = 60, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        paragraphs = [
            " ".join(rng.choice(WORDS, size=int(rng.integers(8, 40)))) for _ in range(int(rng.integers(1, 4)))
        ]
        rows.append(
            dict(
                id=f"{i:016x}",
                source="synthetic-rewrite" if i % 7 == 3 else "wiki40b",
                title=f"Статья № {i}",
                text="\n\n".join(paragraphs) + (HOSTILE[i % len(HOSTILE)]),
                topic="geography" if i % 2 else None,
                split="val" if i % 5 == 0 else "train",
            )
        )
    return pd.DataFrame(rows)


@pytest.fixture(scope="session")
def topics(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("topics")
    write_parquet(folder / "selection.parquet", selection())
    return folder


@pytest.fixture(scope="session")
def bpe() -> tokenizer.Tokenizer:
    return stage.make_tokenizer("bpe", selection(), 600)


@pytest.fixture(scope="session")
def unigram() -> tokenizer.Tokenizer:
    return stage.make_tokenizer("unigram", selection(), 500)


@pytest.fixture(scope="session")
def trimmed(whole_gemma) -> tokenizer.Tokenizer:
    counts = vocabulary.text_counts(whole_gemma, [document(r) for r in selection().itertuples()] + HOSTILE)
    text, ids = trimming.trim_gemma(whole_gemma.json, counts)
    return tokenizer.Tokenizer(text, "trimmed", id_map=ids)


@pytest.fixture(scope="session")
def whole_gemma(tmp_path_factory) -> tokenizer.Tokenizer:
    if gemma.gemma_package() is None:
        pytest.skip(f"{gemma.GEMMA_PACKAGE} is not installed")
    return tokenizer.Tokenizer(gemma.gemma_tokenizer_json("", tmp_path_factory.mktemp("cache")), "gemma")


def document(row) -> str:
    return f"{row.title}\n\n{row.text}"


def files(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


# ---------------------------------------------------------------- round trips


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_bpe_gives_back_any_text(bpe, text):
    ids = bpe.encode(text)
    assert bpe.decode(ids) == text
    assert bpe.bos_id not in ids
    assert b"".join(tokenizer.piece_bytes(bpe, ids)) == text.encode()


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_gemma_gives_back_any_text_but_its_space_sign(whole_gemma, text):
    assert whole_gemma.decode(whole_gemma.encode(text)) == text.replace("▁", " ")


@settings(max_examples=100, deadline=None)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=80))
def test_unigram_and_trimmed_give_back_any_text(unigram, trimmed, text):
    for own in (unigram, trimmed):
        ids = own.encode(text)
        assert own.decode(ids) == text
        assert own.bos_id not in ids
        assert b"".join(tokenizer.piece_bytes(own, ids)) == text.encode()


@pytest.mark.parametrize("kind", ["bpe", "unigram", "trimmed"])
def test_hostile_text(kind, request):
    own = request.getfixturevalue(kind)
    for text in [*HOSTILE, "▁", "a▁▁б ▁ ", "> </", ">▁</"]:
        assert own.decode(own.encode(text)) == text
    with pytest.raises(RugptError, match="lone surrogate"):
        own.encode("да \ud83d нет")


# ---------------------------------------------------------------- the trimmed vocabulary


def test_trimmed_cuts_the_corpus_as_the_whole_does(whole_gemma, trimmed):
    texts = [document(r) for r in selection().itertuples()] + [t for t in HOSTILE if "▁" not in t]
    for text in texts:
        whole = whole_gemma.encode(text)
        assert trimmed.id_map.to_whole(trimmed.encode(text)).tolist() == whole
        assert trimmed.id_map.to_trimmed(whole).tolist() == trimmed.encode(text)
    assert trimmed.vocab_size < 2000
    assert [trimmed.backend.id_to_token(i) for i in range(4)] == ["<pad>", "<eos>", "<bos>", "<unk>"]


def test_trimmed_keeps_bytes_letters_and_special_tokens(whole_gemma, trimmed):
    own = set(trimmed.backend.get_vocab())
    assert {f"<0x{b:02X}>" for b in range(256)} | set("АяЁёzZ09.,;«»—№") | set(gemma.GEMMA_SPECIAL[:4]) <= own
    assert trimmed.special_ids().keys() == whole_gemma.special_ids().keys()


def test_a_higher_count_keeps_less(whole_gemma, trimmed):
    texts = [document(r) for r in selection().itertuples()]
    counts = vocabulary.text_counts(whole_gemma, texts)
    text, ids = trimming.trim_gemma(whole_gemma.json, counts, min_count=40)
    own = tokenizer.Tokenizer(text, "trimmed", id_map=ids)
    assert own.vocab_size < trimmed.vocab_size
    assert set(np.flatnonzero(counts >= 40)) <= set(ids.whole_ids.tolist())
    assert [own.decode(own.encode(t)) for t in texts] == texts


def test_one_long_line_takes_no_longer_a_byte(trimmed):
    spent = []
    for n in (100_000, 800_000):
        line = "а" * n
        start = time.perf_counter()
        ids = trimmed.encode(line)
        spent.append(time.perf_counter() - start)
        assert trimmed.decode(ids) == line
    assert spent[1] < 8 * max(spent[0], 0.05) * 4  # 64 times as long if it were quadratic


def test_embeddings_move_between_the_two(whole_gemma, trimmed):
    torch = pytest.importorskip("torch")
    weight = torch.randn(whole_gemma.vocab_size, 3)
    rows = trimmed.id_map.trim_rows(weight)
    text = "Волга впадает"
    assert torch.equal(rows[trimmed.encode(text)], weight[whole_gemma.encode(text)])
    assert torch.equal(trimmed.id_map.put_rows(weight.clone(), rows), weight)


# ---------------------------------------------------------------- faster encoders


@pytest.mark.parametrize("kind", ["bpe", "unigram", "trimmed", "whole_gemma"])
def test_words_from_memory_give_the_same_ids(kind, request):
    own = request.getfixturevalue(kind)
    texts = [document(r) for r in selection().itertuples()] + HOSTILE
    texts += ["a> </b> </a", "а\xa0 б \x1c в\n г", "▁ ▁", "x> </y", "x> ", " </y \ue000  z"]
    memo = fast_encode.word_memo(own)
    for _ in range(2):  # the second time from memory
        ids, n = memo.encode(texts)
        assert [p.tolist() for p in np.split(ids, np.cumsum(n)[:-1])] == own.encode_batch(texts)
    memo = fast_encode.word_memo(own)
    memo.JOIN = 3
    ids, n = memo.encode(texts)
    assert [p.tolist() for p in np.split(ids, np.cumsum(n)[:-1])] == own.encode_batch(texts)


def test_an_encoder_with_other_ids_is_passed_over(bpe, monkeypatch):
    monkeypatch.setattr(fast_encode, "FAST", ("tokenizers_that_lie",))
    monkeypatch.setattr(fast_encode.importlib.util, "find_spec", lambda name: name)
    real = fast_encode.library
    lying = lambda texts: [[*ids, 1] for ids in bpe.encode_batch(texts)]  # noqa: E731
    monkeypatch.setattr(fast_encode, "library", lambda name, t: lying if "lie" in name else real(name, t))
    choice = fast_encode.choose_encoder(bpe, ["Мама мыла раму"])
    assert (choice.library, choice.memo) == ("tokenizers", True)
    assert choice.why == ("tokenizers_that_lie: other ids in 1 of 1 texts",)


@pytest.mark.parametrize("name", fast_encode.FAST)
def test_installed_encoders_give_the_same_ids_or_are_refused(name, bpe, trimmed):
    pytest.importorskip(name)
    for own in (bpe, trimmed):
        texts = [document(r) for r in selection(20).itertuples()] + ["a<bos>б", "<eos> <start_of_turn>"]
        choice = fast_encode.choose_encoder(own, texts, name)
        assert choice.library == name or choice.why
        ids, n = fast_encode.IdEncoder(own, choice).encode(texts)
        want = [[own.bos_id, *i] for i in own.encode_batch(texts)]
        assert [p.tolist() for p in np.split(ids, np.cumsum(n)[:-1])] == want


# ---------------------------------------------------------------- the same ids elsewhere


def auto(folder: Path):
    return pytest.importorskip("transformers").AutoTokenizer.from_pretrained(str(folder))


@pytest.mark.parametrize("kind", ["bpe", "unigram", "trimmed"])
def test_transformers_gives_the_same_ids(kind, request, tmp_path):
    bpe = request.getfixturevalue(kind)
    other = auto(bpe.save(tmp_path / "t"))
    texts = HOSTILE + [document(r) for r in selection(20).itertuples()]
    for text in texts:
        ids = bpe.encode(text)
        assert other(text, add_special_tokens=False)["input_ids"] == ids
        assert other(text)["input_ids"] == [bpe.bos_id, *ids]
        assert other.decode(ids) == text
    assert (other.bos_token_id, other.eos_token_id, len(other)) == (bpe.bos_id, bpe.bos_id, bpe.vocab_size)


def test_transformers_gives_the_same_gemma_ids(whole_gemma, tmp_path):
    other = auto(whole_gemma.save(tmp_path / "t"))
    for text in HOSTILE:
        assert other(text, add_special_tokens=False)["input_ids"] == whole_gemma.encode(text)
    assert other.bos_token_id == whole_gemma.bos_id == 2


def test_gemma_is_the_published_one(whole_gemma):
    assert whole_gemma.vocab_size == 262_144
    assert {text: whole_gemma.encode(text) for text in GEMMA_IDS} == GEMMA_IDS


def test_gemma_from_a_published_file(whole_gemma):
    path = os.environ.get("RUGPT_GEMMA_JSON")
    if not path:
        pytest.skip("RUGPT_GEMMA_JSON names no published tokenizer.json")
    assert tokenizer.Tokenizer(gemma.gemma_tokenizer_json(path), "gemma").digest == whole_gemma.digest


def test_gemma_cache_is_used_and_mended(whole_gemma, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = gemma.gemma_tokenizer_json()
    (file,) = (tmp_path / "rugpt").iterdir()
    monkeypatch.setattr(gemma, "gemma_json", None)  # a second build would fail
    assert gemma.gemma_tokenizer_json() == text == whole_gemma.json
    monkeypatch.undo()
    file.write_bytes(file.read_bytes()[:-1000])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert gemma.gemma_tokenizer_json() == text


# ---------------------------------------------------------------- files of ids


@pytest.mark.parametrize("kind", ["bpe", "gemma", "trimmed"])
def test_bins_decode_to_the_selection(kind, request, topics, tmp_path):
    if kind != "bpe":
        request.getfixturevalue("whole_gemma")
    counts = stage.tokenize(topics, tmp_path, kind, 600, compare_with=[], near=0)
    bins, own = bins_module.open_bins(tmp_path), tokenizer.load_tokenizer(tmp_path / "tokenizer")
    assert bins.train.dtype == ("<u4" if kind == "gemma" else "<u2")
    frame, rows = selection(), pd.read_parquet(tmp_path / "docs.parquet")
    for split in bins_module.SPLITS:
        roles = splits.choose_roles(frame)
        part = frame[[roles.of[i] == split for i in frame.id]]
        assert split == "train" or not part.source.str.startswith("synthetic").any()
        ids = getattr(bins, split)
        want = [document(r).replace("▁", " ") if kind == "gemma" else document(r) for r in part.itertuples()]
        assert [own.decode(d) for d in bins_module.split_documents(ids, bins.bos_id)] == want
        docs = rows[rows.split == split]
        assert list(docs.id) == list(part.id)
        assert [own.decode(ids[s : s + n]) for s, n in zip(docs.start, docs.n_tokens, strict=True)] == want
        meta = bins.meta["splits"][split]
        assert meta["bytes"] == sum(len(document(r).encode()) for r in part.itertuples())
        assert meta["tokens"] == len(ids) == counts[f"{split}_tokens"] == docs.n_tokens.sum()
        assert np.array_equal(np.fromfile(tmp_path / f"{split}.bin", dtype=ids.dtype), ids)
        assert np.array_equal(bins.offsets(split)[:-1], docs.start)
        assert bins.offsets(split)[-1] == len(ids)
    assert (
        counts["synthetic_held_out"]
        == len(frame[(frame.split == "val") & frame.source.str.startswith("synthetic")])
        > 0
    )
    assert counts["vocab_size_reached"] == bins.vocab_size == own.vocab_size


def test_frame_and_file_give_the_same_bins(topics, bpe, tmp_path):
    for name, source in (("frame", selection()), ("file", topics / "selection.parquet")):
        (tmp_path / name).mkdir()
        writer.write_bins(source, bpe, tmp_path / name)
    assert files(tmp_path / "frame") == files(tmp_path / "file")


def test_batches_do_not_matter(topics, bpe, tmp_path, monkeypatch):
    for batch in (1_000_000, 900):
        monkeypatch.setattr(writer, "PART_CHARS", batch)
        (tmp_path / str(batch)).mkdir()
        writer.write_bins(topics / "selection.parquet", bpe, tmp_path / str(batch))
    assert files(tmp_path / "1000000") == files(tmp_path / "900")


def test_processes_give_the_same_bytes(topics, tmp_path):
    code = (
        "import sys; from rugpt_core.tokenization.stage import tokenize;"
        "tokenize(sys.argv[1], sys.argv[2], 'bpe', 700, compare_with=['bpe'])"
    )
    for name, threads, seed in (("a", "1", "1"), ("b", "2", "2")):
        (tmp_path / name).mkdir()
        env = {**os.environ, "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, topics, tmp_path / name], check=True, env=env, cwd=ROOT)
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_bins_need_numpy_only(topics, bpe, tmp_path):
    writer.write_bins(topics / "selection.parquet", bpe, tmp_path)
    code = (
        "import sys; from rugpt_core.tokenization.bins import open_bins; print(len(open_bins(sys.argv[1]).train));"
        "print([m for m in ('tokenizers', 'transformers', 'pandas', 'pyarrow', 'torch') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True, cwd=ROOT
    ).stdout
    assert out.split("\n")[1] == "[]"


def test_small_corpus_says_what_it_reached(topics, tmp_path):
    counts = stage.tokenize(topics, tmp_path, "bpe", 50_000, compare_with=[])
    assert counts["vocab_size_asked"] == 50_000
    assert 300 < counts["vocab_size_reached"] < 50_000


def test_held_out_text_does_not_shape_the_bpe(tmp_path):
    frame = selection()
    other = frame.copy()
    other.loc[other.split == "val", "text"] = "абракадабра " * 400
    assert stage.make_tokenizer("bpe", frame, 600).digest == stage.make_tokenizer("bpe", other, 600).digest


def test_without_gemma_the_comparison_says_so(topics, tmp_path, monkeypatch):
    monkeypatch.setattr(gemma, "gemma_package", lambda: None)
    counts = stage.tokenize(topics, tmp_path, "bpe", 600)
    seen = json.loads((tmp_path / "comparison.json").read_text())
    assert counts["compared"] == ["bpe"] == list(seen["rows"])
    assert "pip install" in seen["gemma_missing"]


def test_a_killed_writer_is_resumed_to_the_same_bytes(topics, bpe, tmp_path):
    """SIGKILL in the middle; the second run takes over the parts that are whole, and spoilt ones are made again."""
    bpe.save(tmp_path / "t")
    code = (
        "import sys, os, signal; from pathlib import Path; from rugpt_core.tokenization import writer; "
        "writer.PART_CHARS = 900\n"
        "from rugpt_core.tokenization.tokenizer import load_tokenizer\n"
        "real, n = writer.make_part, [0]\n"
        "def make_part(*args, **kwargs):\n"
        "    n[0] += 1\n"
        "    if n[0] == int(sys.argv[4]): os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return real(*args, **kwargs)\n"
        "writer.make_part = make_part\n"
        "t, out = load_tokenizer(sys.argv[2]), Path(sys.argv[3]); out.mkdir(exist_ok=True)\n"
        "writer.write_bins(sys.argv[1], t, out, work=out.parent/(out.name + '.parts'))"
    )
    run = lambda out, n: subprocess.run(  # noqa: E731
        [sys.executable, "-c", code, topics / "selection.parquet", tmp_path / "t", tmp_path / out, str(n)], cwd=ROOT
    ).returncode
    assert run("whole", 0) == 0
    assert run("cut", 9) == -signal.SIGKILL
    parts = sorted((tmp_path / "cut.parts").glob("*.bin"))
    assert 7 <= len(parts) <= 8  # two threads: one may have been at work
    assert not (tmp_path / "cut" / "meta.json").exists()
    parts[0].write_bytes(b"spoilt")
    assert run("cut", 0) == 0
    assert files(tmp_path / "cut") == files(tmp_path / "whole")
    assert not (tmp_path / "cut.parts").exists()


def test_several_threads_write_the_same_bytes(topics, bpe, tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "PART_CHARS", 900)
    for threads in (1, 4):
        (tmp_path / str(threads)).mkdir()
        writer.write_bins(topics / "selection.parquet", bpe, tmp_path / str(threads), threads=threads)
    assert files(tmp_path / "1") == files(tmp_path / "4")


# ---------------------------------------------------------------- the split


def test_every_topic_has_the_median_share_held_out_and_nothing_gives_back_what_was_held_out():
    rng = np.random.default_rng(1)
    rows = [
        dict(id=f"{i:x}", topic=f"t{i % 7}", split="val" if rng.random() < 0.2 * (i % 7) / 3 else "train")
        for i in range(1400)
    ]
    of = splits.stratified(rows)
    assert set(of) == {r["id"] for r in rows} and set(of.values()) == {"train", "val"} # no article is dropped
    given, after = ([np.mean([held(r) for r in rows if r["topic"] == f"t{t}"]) for t in range(7)]
                    for held in (lambda r: r["split"] == "val", lambda r: of[r["id"]] == "val"))
    # A topic with less than the median share held out is raised to it; what was held out beyond it stays held out.
    assert all(abs(new - max(old, np.median(given))) < 0.006 for old, new in zip(given, after, strict=True))
    assert all(of[r["id"]] != "train" for r in rows if r["split"] == "val")
    assert of == splits.stratified(rows[::-1])


def test_near_copies_of_held_out_articles_are_not_trained_on(tmp_path):
    frame = selection().assign(source="wiki40b")
    held = frame[frame.split == "val"].iloc[0]
    other = frame.index[frame.split == "train"][:2]
    frame.loc[other[0], "text"] = held.text * 3 + " И ещё одно предложение в конце статьи."
    frame.loc[other[0], "title"] = held.title
    write_parquet(tmp_path / "selection.parquet", frame)
    counts = stage.tokenize(tmp_path, tmp_path, "bpe", 600, compare_with=[])
    left = pd.read_parquet(tmp_path / "docs.parquet")
    assert counts["near_val"] >= 1
    assert frame.id[other[0]] not in set(left.id)
    held_out = [article.document(r.title, r.text) for r in frame.itertuples()
        if r.id in set(left[left.split == "val"].id)]
    dedup.held_out_index(held_out, tmp_path)
    for r in frame.itertuples():
        if r.id in set(left[left.split == "train"].id):
            assert dedup.nearest([document(r)], tmp_path)[0] < dedup.NEAR


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("frame", "kwargs", "reason"),
    [
        (selection()[:0], {}, "the selection is empty"),
        (selection().assign(split="train"), {}, "no val articles"),
        (selection().assign(split="val"), {}, "no train articles"),
        (selection().assign(split="test"), {}, "split must be train or val"),
        (selection().drop(columns="text"), {}, "columns are missing: text"),
        (selection(), dict(vocab_size=299), "at least 300"),
        (selection(), dict(tokenizer="word"), "give one of bpe, unigram, gemma, trimmed"),
        (selection(), dict(encoder="quick"), "encoder 'quick' is not known"),
        (selection(), dict(other_texts="no/where.yml"), "no/where.yml: file is missing"),
        (
            selection(),
            dict(gemma_path="no/where/tokenizer.json"),
            "gemma_path=no/where/tokenizer.json: file is missing",
        ),
        (
            selection(),
            dict(tokenizer="gemma", gemma_path="/no/where"),
            "gemma_path=/no/where: file is missing",
        ),
    ],
)
def test_refusals(frame, kwargs, reason, tmp_path):
    write_parquet(tmp_path / "selection.parquet", frame)
    (tmp_path / "out").mkdir()
    with pytest.raises(RugptError) as e:
        stage.tokenize(tmp_path, tmp_path / "out", **kwargs)
    assert reason.lower() in str(e.value).lower()
    assert "\n" not in str(e.value)
    assert not (tmp_path / "out" / "meta.json").exists()


def test_without_selection(tmp_path):
    with pytest.raises(RugptError, match="selection.parquet: file is missing. Run the stage classify"):
        stage.tokenize(tmp_path, tmp_path)


def test_gated_hub_names_licence_and_token(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError

    def refuse(repo, name, **more):
        raise GatedRepoError.__new__(GatedRepoError)

    monkeypatch.setattr(gemma, "gemma_package", lambda: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    monkeypatch.setattr(gemma, "only_cached", lambda *args: False)
    with pytest.raises(
        RugptError, match=r"GatedRepoError.*licence at huggingface.co/google/gemma-3-270m.*HF_TOKEN"
    ):
        gemma.gemma_tokenizer_json()


def test_a_cut_gguf_is_refused(whole_gemma, tmp_path):
    with open(gemma.gemma_package(), "rb") as f:
        (tmp_path / "cut.gguf").write_bytes(f.read(2_000_000))
    with pytest.raises(RugptError, match="cut off inside its metadata"):
        gemma.gemma_tokenizer_json(str(tmp_path / "cut.gguf"))
