"""Random opens, reads, renames and listings by many processes on one mount.

usage: stress.py DIRECTORY DATASETS PROCESSES SECONDS

DIRECTORY is writable; DATASETS are files "VALUE\\n" below directories k=VALUE, read by all.  A file is written whole before it
gets the name by which others read it, so whoever reads it finds what one wrote: a first line with a word and a count,
and the word so many times.  Ends with 1, and says what was wrong, where anybody found anything else.
"""

import errno
import os
import random
import sys
import time

NAMES = 40
EXPECTED = {errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY}


def write(directory, rng):
    word, count = "%x" % rng.getrandbits(60), rng.choice([1, 10, 500, 20000])
    name = "%s/.%d.%s" % (directory, os.getpid(), word)
    with open(name, "w") as out:
        out.write("%s %d\n" % (word, count) + (word + "\n") * count)
        if rng.random() < 0.1:
            out.flush()
            os.fsync(out.fileno())
    os.rename(name, "%s/f%d" % (directory, rng.randrange(NAMES)))


def read(directory, rng):
    name = "%s/f%d" % (directory, rng.randrange(NAMES))
    with open(name) as text:
        first, rest = text.readline().split(), text.read()
    if rest != (first[0] + "\n") * int(first[1]):
        raise AssertionError("%s: torn: %s %d" % (name, first, len(rest)))


def move(directory, rng):
    os.rename("%s/f%d" % (directory, rng.randrange(NAMES)), "%s/f%d" % (directory, rng.randrange(NAMES)))


def remove(directory, rng):
    os.unlink("%s/f%d" % (directory, rng.randrange(NAMES)))


def hold(directory, rng):
    """What is open goes on, whatever becomes of its name."""
    with open("%s/f%d" % (directory, rng.randrange(NAMES)), "rb") as held:
        size = os.fstat(held.fileno()).st_size
        time.sleep(0.001)
        if len(held.read()) != size:
            raise AssertionError("a file changed while it was open")


def listing(directory, rng):
    names = os.listdir(directory)
    if len(names) != len(set(names)):
        raise AssertionError("%s lists a name twice" % directory)


def sub(directory, rng):
    name = "%s/d%d" % (directory, rng.randrange(4))
    (os.mkdir if rng.random() < 0.5 else os.rmdir)(name)


def dataset(datasets, rng):
    value = rng.choice(os.listdir(datasets))
    inside = "%s/%s" % (datasets, value)
    for name in os.listdir(inside):
        if not name.startswith("number_"):
            continue
        with open("%s/%s" % (inside, name)) as text:
            found = text.read(100)
        if found != value.split("=")[1] + "\n":
            raise AssertionError("%s/%s holds %r" % (inside, name, found))


ACTIONS = [write, write, read, read, read, move, move, remove, hold, listing, sub]


def work(directory, datasets, seed, until):
    rng, done = random.Random(seed), 0
    while time.monotonic() < until:
        try:
            if rng.random() < 0.3:
                dataset(datasets, rng)
            else:
                rng.choice(ACTIONS)(directory, rng)
        except OSError as failure:
            if failure.errno not in EXPECTED:
                raise
        done += 1
    return done


def main():
    directory, datasets, processes, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    until, failed = time.monotonic() + seconds, 0
    for seed in range(processes):
        if not os.fork():
            try:
                os._exit(0 if work(directory, datasets, seed, until) else 3)
            except BaseException as failure:  # the parent counts
                print("process %d: %r" % (seed, failure), file=sys.stderr, flush=True)
                os._exit(1)
    for _ in range(processes):
        failed += os.wait()[1] != 0
    if failed:
        sys.exit("%d of %d processes failed" % (failed, processes))


main()
