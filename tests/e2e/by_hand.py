#!/usr/bin/python3
"""Does by hand what a demo run did, and compares.

usage: by_hand.py MOUNT RUN PIPELINE INPUT HAND

Each quantum that the mount's provenance shows is done again in an ordinary directory below HAND: its command, under
`strace -f`, on plain files of the same names.  These are the camera's own files, told apart by their headers (INPUT is
where tools/demo/survey put its lists), and what was done by hand before; never a file of the repository.

Then, for each quantum, it must hold that
- every output has the bytes that were made by hand, but for the cards that hold a date or a name;
- the datasets that the journal calls read are the files that the program opened, no more and no fewer;
- the journal's misses beside inputs are the files that it looked for there in vain;
- its inputs are those that the dimensions say, and what it was given and did not open is listed as unused.
"""
import json
import os
import re
import shlex
import subprocess
import sys

import yaml

BLOCK, CARD = 2880, 80
ASIDE = tuple(name.ljust(8).encode() for name in ("DATE", "AUTHOR", "ORIGIN", "SEXDATE", "SEXTIME", "SEXELAPS"))
NSIDE = 32
failures = []


def header(path):
    """The cards of the first two HDUs' headers, the first of a name winning."""
    cards, ends = {}, 0
    with open(path, "rb") as f:
        while ends < 2 and (block := f.read(BLOCK)):
            if not ends or cards or block.startswith(b"XTENSION"):
                for at in range(0, len(block), CARD):
                    card = block[at:at + CARD].decode("latin-1")
                    if card[8:10] == "= ":
                        value = re.match(r"\s*('(?:[^']|'')*'|[^/]*)", card[10:]).group(1).strip()
                        cards.setdefault(card[:8].strip(), value.strip("'").strip())
                    elif card.strip() == "END":
                        ends += 1
                        break
    return cards


def ring(pixel):
    """The ring number of a nested HEALPix pixel (Gorski et al. 2005, equations 2 to 9, by way of its centre's row)."""
    face, within = divmod(pixel, NSIDE * NSIDE)
    x = sum((within >> 2 * bit & 1) << bit for bit in range(5))
    y = sum((within >> 2 * bit + 1 & 1) << bit for bit in range(5))
    row = (2 + face // 4) * NSIDE - x - y - 1
    column = (1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7)[face]
    if row < NSIDE:
        length, before, shift = row, 2 * row * (row - 1), 0
    elif row > 3 * NSIDE:
        length = 4 * NSIDE - row
        before, shift = 12 * NSIDE * NSIDE - 2 * length * (length + 1), 0
    else:
        length, before, shift = NSIDE, 2 * NSIDE * (NSIDE - 1) + (row - NSIDE) * 4 * NSIDE, (row - NSIDE) & 1
    place = (column * length + x - y + 1 + shift) // 2
    return before + (place - 1) % (4 * length)


class Survey:
    """The camera's files by the name that a job sees, and the band of each visit."""

    TYPES = {"ooi": "raw", "oow": "raw_weight", "ood": "raw_mask"}

    def __init__(self, folder):
        self.files, self.bands = {}, {}
        images = {}
        for line in open(f"{folder}/images.tsv"):
            path, original = line.rstrip("\n").split("\t")
            cards = header(path)
            identity = (cards["INSTRUME"], int(cards["CCDNUM"]), int(cards["EXPNUM"]))
            kind = re.search("_(oo[iwd])_", os.path.basename(path)).group(1)
            self.files["{}_{}_{}_{}.fits".format(self.TYPES[kind], *identity)] = path
            self.bands[identity[2]] = cards["FILTER"][0]
            images[original] = identity
        for name in os.listdir(f"{folder}/ccd"):
            path = f"{folder}/ccd/{name}"
            row = subprocess.run(["asttable", path, "--column=image_filename"], capture_output=True, text=True, check=True)
            image = row.stdout.splitlines()[-1].strip()
            identity = next(images[original] for original in images if original.endswith("/" + image))
            self.files["ccd_{}_{}_{}.fits".format(*identity)] = path
        self.shards = {}
        for line in open(f"{folder}/gaia.csv").readlines()[1:]:
            path, number = line.strip().rsplit(",", 1)
            self.shards[int(number)] = path

    def find(self, name):
        if name in self.files:
            return self.files[name]
        shard = re.fullmatch(r"gaia_(\d+)\.fits", name)
        return self.shards[ring(int(shard.group(1)))] if shard else None


class Quantum:
    def __init__(self, task, directory):
        self.task, self.name, self.directory = task, os.path.basename(directory), directory
        self.id = dict(pair.split("=") for pair in self.name.split(","))
        self.command = shlex.split(self.text("command"))
        self.journal = [json.loads(line) for line in self.text("io.jsonl").splitlines()]
        self.status = json.loads(self.text("status.json"))

    def text(self, name):
        with open(f"{self.directory}/{name}") as f:
            return f.read()

    def listed(self, folder):
        """{(connection, data ID): directory of the dataset} of inputs, outputs or unused."""
        top = f"{self.directory}/{folder}"
        return {(c, name): f"{top}/{c}/{name}" for c in os.listdir(top) for name in os.listdir(f"{top}/{c}")}

    def fail(self, text):
        failures.append(f"{self.task} {self.name}: {text}")


def artifact(dataset):
    """The one file of a dataset's directory that is no description of it."""
    return next(f"{dataset}/{name}" for name in os.listdir(dataset)
                if name not in ("dataset.json", "producer", "inputs", "consumers"))


def bytes_of(path):
    """Its bytes, without the cards that stand aside."""
    with open(path, "rb") as f:
        data = f.read()
    if not data.startswith(b"SIMPLE  ="):
        return data
    cards = [data[at:at + CARD] for at in range(0, len(data), CARD)]
    return b"".join(b"" if card.startswith(ASIDE) else card for card in cards)


def traced(folder, here):
    """What a program opened below in/, and what it looked for there in vain, by the traces of its processes."""
    opened, missed = set(), set()
    for name in os.listdir(folder):
        with open(f"{folder}/{name}", errors="replace") as f:
            for line in f:
                call = re.match(r"(\w+)\((.*)\) = (-?\d+)(?:<([^>]*)>)?(.*)", line)
                words = call and re.findall(r'"((?:[^"\\]|\\.)*)"', call.group(2))
                if not words:
                    continue
                path = os.path.relpath(os.path.join(here, words[0]), here)
                if not path.startswith("in/"):
                    continue
                if int(call.group(3)) >= 0 and call.group(1) in ("open", "openat", "openat2") and os.path.isfile(f"{here}/{path}"):
                    opened.add(path)
                elif call.group(5).strip().startswith("ENOENT"):
                    missed.add(path)
    return opened, missed - opened


def do_by_hand(quantum, files, survey, made, work):
    here, trace = f"{work}/{quantum.task}/{quantum.name}", f"{work}/traces/{quantum.task}/{quantum.name}"
    os.makedirs(here)
    os.makedirs(trace)
    wanted = [path for word in quantum.command for path in word.split(",") if path.startswith(("in/", "out/"))]
    for path in wanted:
        os.makedirs(os.path.dirname(f"{here}/{path}"), exist_ok=True)
        if path.startswith("in/"):
            name = os.path.basename(path)
            source = survey.find(name) or made.get(name)
            if not source:
                return quantum.fail(f"nobody has made {name}")
            with open(source, "rb") as f, open(f"{here}/{path}", "wb") as copy:
                copy.write(f.read())
    for name, entry in files.items():
        with open(f"{here}/{name}", "w") as f:
            f.write(entry["content"])
    kept = (line.split("=", 1) for line in quantum.text("environment").splitlines())
    environment = {name: value for name, value in kept if name != "PWD" and not name.startswith("VBUTLER_")}
    done = subprocess.run(["strace", "-f", "-ff", "--seccomp-bpf", "-y", "-qq", "-e", "trace=%file", "-e", "signal=none", "-o", f"{trace}/t",
                           *quantum.command], cwd=here, env=environment, capture_output=True, text=True)
    if done.returncode:
        quantum.fail(f"by hand it ends with {done.returncode}: {done.stderr}")
    for path in wanted:
        if path.startswith("out/"):
            made[os.path.basename(path)] = f"{here}/{path}"
    compare(quantum, wanted, made, *traced(trace, here))


def compare(quantum, wanted, made, opened, missed):
    def journalled(kind, touch):
        return {e["path"].removeprefix("work/") for e in quantum.journal if e["kind"] == kind and touch in e["touch"]}

    def same(what, ours, theirs):
        if ours != theirs:
            quantum.fail(f"{what}: only journalled {sorted(ours - theirs)}, only traced {sorted(theirs - ours)}")

    if quantum.status["status"] != "succeeded":
        quantum.fail(quantum.status["status"])
    outputs = {os.path.basename(file): file for (connection, _), dataset in quantum.listed("outputs").items()
               if not connection.startswith("_") for file in [artifact(dataset)]}
    if set(outputs) != {os.path.basename(path) for path in wanted if path.startswith("out/")}:
        quantum.fail(f"its outputs are {sorted(outputs)}")
    for name, path in outputs.items():
        if name in made and bytes_of(path) != bytes_of(made[name]):
            quantum.fail(f"{name} differs from {made[name]}")
    if quantum.status["capture"] != "complete":  # nobody has watched what it opened
        return
    same("opened", journalled("dataset", "read"), opened)
    same("missed", {path for path in journalled("missing", "missing") if path.startswith("in/")}, missed)
    inputs = {os.path.basename(artifact(dataset)) for dataset in quantum.listed("inputs").values()}
    if inputs != {os.path.basename(path) for path in opened}:
        quantum.fail(f"its inputs are {sorted(inputs)}")
    given = {os.path.basename(path) for path in wanted if path.startswith("in/")}
    unused = {os.path.basename(artifact(dataset)) for dataset in quantum.listed("unused").values()}
    if unused != given - inputs:
        quantum.fail(f"unused are {sorted(unused)}, of {sorted(given)} it opened {sorted(inputs)}")


def check_dimensions(quanta, survey):
    """Inputs of the tasks that gather: all warps of a band and patch, all coadds of a patch; and a detect an image."""
    def place(quantum):
        return quantum.id["tract"], quantum.id["patch"]

    def given(quantum, connection):
        return sum(1 for c, _ in quantum.listed("inputs") if c == connection)

    of = {}
    for quantum in quanta:
        of.setdefault(quantum.task, []).append(quantum)
    images = sum(1 for name in survey.files if name.startswith("raw_") and not name.startswith(("raw_weight", "raw_mask")))
    if len(of["detect"]) != images or len(of["refMatch"]) != images:
        failures.append(f"{images} images, {len(of['detect'])} quanta of detect, {len(of['refMatch'])} of refMatch")
    warps, coadds = {}, {}
    for warp in of["warp"]:
        key = survey.bands[int(warp.id["visit"])], *place(warp)
        warps[key] = warps.get(key, 0) + 1
    for coadd in of["coadd"]:
        key = coadd.id["band"], *place(coadd)
        if given(coadd, "warp") != warps.pop(key, 0):
            coadd.fail(f"it was given {given(coadd, 'warp')} warps")
        coadds[place(coadd)] = coadds.get(place(coadd), 0) + 1
    if warps:
        failures.append(f"nobody adds up the warps of {sorted(warps)}")
    for chi2 in of["chi2"]:
        if given(chi2, "coadd") != coadds.pop(place(chi2), 0):
            chi2.fail(f"it was given {given(chi2, 'coadd')} coadds")
    if coadds:
        failures.append(f"no chi2 of {sorted(coadds)}")


def main(mount, run, pipeline, folder, work):
    with open(pipeline) as f:
        tasks = yaml.safe_load(f)["tasks"]
    survey, made, quanta = Survey(folder), {}, []
    top = f"{mount}/provenance/{run}"
    assert set(os.listdir(top)) == set(tasks), os.listdir(top)
    for task, definition in tasks.items():  # the pipeline lists a task after those whose outputs it reads
        for name in sorted(os.listdir(f"{top}/{task}")):
            quantum = Quantum(task, f"{top}/{task}/{name}")
            quanta.append(quantum)
            do_by_hand(quantum, definition.get("files", {}), survey, made, os.path.abspath(work))
    check_dimensions(quanta, survey)
    watched = sum(1 for quantum in quanta if quantum.status["capture"] == "complete")
    print(f"{len(quanta)} quanta, {watched} watched, {len(made)} files made by hand")
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures or not made else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
