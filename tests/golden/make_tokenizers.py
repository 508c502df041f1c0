"""Writes tokenizers/components.json: small tokenizers trained on a few sentences, one for each way to put the parts
together, and what the tokenizers library (0.23.3) makes of a list of strings with them.

    pip install tokenizers==0.23.3
    python make_tokenizers.py
"""
import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers as n, pre_tokenizers as p, processors, trainers

CORPUS = [
    "The road runs from the harbour to the old town, past 12 mills and 345 houses.",
    "A small model learns small words: the, a, to, of; rare words stay in parts.",
    "naïve café, Füße, ŁÓDŹ, élan; ½ of ﬁve is not ②.", "你好，世界！道路。道路", "don't we'll I'm HELLO World", "x_1 = y-2 (z)",
]
TEXTS = CORPUS + [
    "", " ", "  the  road ", "\tTo\nthe\r\n\r\nold   town\u00a0!", "unknown: Ω𝄞ж", "ΩΩ a Ω", "cafe\u0301 A\u030a \u212b ﬁ ㍿ İ ẞ", "1234567", "²½Ⅷ 7",
    "<s>", "a<s>b", " <s> the", "<mask>", "the <mask>  road", "x<mask>", "<word>", "the<word> road <word>", "_<word>_ (<word>)", "[N] the[N]", "▁the ▁", "the▁road",
    "...!?", "(a)b", "-- --", "\u3000道路\u200b", "🚀 road", "\u0000\u007f", "S's 'S 'ſ don'T", "ᄒ\u1161\u11ab 한", "e\u0301\u0327x", "<s><s>", "  <mask><s>  ", "a-b-c", "a--b", "-a-",
]


def bpe(**kw):
    return models.BPE(unk_token="<unk>", **kw)


CASES = {
    "lower_accents_whitespace": (bpe(), n.Sequence([n.NFD(), n.StripAccents(), n.Lowercase()]), p.Whitespace(), None),
    "nfkc_strip_split": (bpe(fuse_unk=True), n.Sequence([n.NFKC(), n.Strip()]), p.WhitespaceSplit(), decoders.Fuse()),
    "nfc_punctuation": (bpe(), n.NFC(), p.Sequence([p.WhitespaceSplit(), p.Punctuation("isolated")]), None),
    "nfkd_strip_left": (bpe(), n.Sequence([n.NFKD(), n.Strip(left=True, right=False)]), p.Digits(individual_digits=False), decoders.Fuse()),
    "metaspace_first": (bpe(), None, p.Metaspace(prepend_scheme="first"), decoders.Metaspace(prepend_scheme="first")),
    "metaspace_always_whole": (bpe(fuse_unk=True), None, p.Metaspace(prepend_scheme="always", split=False), decoders.Metaspace()),
    "metaspace_never": (bpe(), n.Lowercase(), p.Metaspace(prepend_scheme="never"), decoders.Metaspace(prepend_scheme="never")),
    "byte_level_prefix": (models.BPE(), None, p.ByteLevel(add_prefix_space=True), decoders.ByteLevel()),
    "digits_byte_level": (models.BPE(), None, p.Sequence([p.Digits(individual_digits=True), p.ByteLevel(add_prefix_space=False)]), decoders.ByteLevel()),
    "split_removed": (bpe(), None, p.Split(Regex(r"\s+|-"), "removed"), decoders.Fuse()),
    "split_contiguous": (bpe(), None, p.Split("-", "contiguous"), decoders.Fuse()),
    "split_previous": (bpe(), None, p.Split(Regex(r"\w+"), "merged_with_previous"), decoders.Fuse()),
    "split_next": (bpe(), None, p.Split(Regex(r"[^\s\p{L}]"), "merged_with_next"), decoders.Fuse()),
    "split_inverted": (bpe(), None, p.Split(Regex(r"(?i:the|road)|\p{N}{1,3}|[\u4e00-\u9fff]+"), "removed", invert=True), decoders.Fuse()),
    "split_empty_match": (bpe(), None, p.Split(Regex(r"\d*"), "isolated"), decoders.Fuse()),
    "replace_prepend": (bpe(byte_fallback=True), n.Sequence([n.Prepend("▁"), n.Replace(" ", "▁"), n.Replace(Regex(r"l+"), "l")]), None,
                        decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])),
    "subword_prefix": (bpe(continuing_subword_prefix="##"), None, p.Whitespace(), None),
    "subword_suffix": (bpe(end_of_word_suffix="</w>"), None, p.Whitespace(), None),
    "ignore_merges": (models.BPE(ignore_merges=True), None, p.ByteLevel(add_prefix_space=False), decoders.ByteLevel()),
}
ADDED = [AddedToken("<mask>", lstrip=True, special=True, normalized=False), AddedToken("[N]", rstrip=True, normalized=True),
         AddedToken("<word>", single_word=True, normalized=False)]


def made(name, model, normalizer, pre, decoder):
    tok = Tokenizer(model)
    if normalizer:
        tok.normalizer = normalizer
    if pre:
        tok.pre_tokenizer = pre
    if decoder:
        tok.decoder = decoder
    special = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if "replace" in name else [])
    kw = {"continuing_subword_prefix": "##"} if "prefix" in name and "sub" in name else {}
    kw |= {"end_of_word_suffix": "</w>"} if "suffix" in name else {}
    alphabet = p.ByteLevel.alphabet() if "Byte" in str(type(decoder)) else []
    tok.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=len(alphabet) + 180 + len(special), special_tokens=special, initial_alphabet=alphabet,
                                                        show_progress=False, **kw))
    tok.add_tokens(ADDED)
    if "split" in name:
        tok.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    elif "byte_level" in name:
        tok.post_processor = processors.Sequence([processors.ByteLevel(), processors.RobertaProcessing(("</s>", 2), ("<s>", 1))])
    else:
        tok.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 1))
    j = json.loads(tok.to_str())
    if "replace" in name:  # the byte tokens belong to the model alone
        j["added_tokens"] = [a for a in j["added_tokens"] if not a["content"].startswith("<0x")]
    return j


def main():
    out = {}
    for name, parts in CASES.items():
        j = made(name, *parts)
        tok = Tokenizer.from_str(json.dumps(j))
        rows = []
        for text in TEXTS:
            plain, special = tok.encode(text, add_special_tokens=False), tok.encode(text)
            rows.append({"text": text, "ids": plain.ids, "ids_special": special.ids, "decoded": tok.decode(special.ids, skip_special_tokens=False),
                         "decoded_skip_special": tok.decode(special.ids)})
        out[name] = {"tokenizer": j, "rows": rows}
    path = Path(__file__).parent / "tokenizers" / "components.json"
    path.write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(path, path.stat().st_size, len(out))


if __name__ == "__main__":
    main()
