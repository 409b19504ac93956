"""Compares a repository's files with what its registry says of them: nothing lost, doubled, half-written or left over."""
import os
import sqlite3
import subprocess
import sys


def checksums(root, paths):
    """XXH3-128 of files, by Debian's xxhsum."""
    found = {}
    for start in range(0, len(paths), 500):
        some = paths[start:start + 500]
        text = subprocess.run(["xxhsum", "-H2", "--", *some], cwd=root, check=True, capture_output=True, text=True).stdout
        found.update((line.split("  ", 1)[1], line.split()[0]) for line in text.splitlines())
    return found


def main(root):
    db = sqlite3.connect(f"file:{root}/registry.sqlite3?mode=ro", uri=True)
    rows_of_files = "(SELECT dataset_id, store_id, path, size, checksum FROM location UNION ALL" \
            " SELECT dataset_id, store_id, path, size, checksum FROM component)"
    rows = db.execute(f"SELECT l.path, l.size, hex(l.checksum), d.state FROM {rows_of_files} l JOIN dataset d ON d.id = l.dataset_id")
    known = {path: (size, checksum.lower()) for path, size, checksum, state in rows if not path.startswith("/")}
    wrong = []
    there = set()
    for directory, subdirectories, files in os.walk(root):
        subdirectories[:] = [d for d in subdirectories if not (directory == root and d == ".vbutler")]
        there.update(os.path.relpath(os.path.join(directory, f), root) for f in files)
    there = {path for path in there if not path.startswith(("registry.sqlite3", "vbutler.yaml"))}
    wrong += [f"{path}: nobody knows this file" for path in sorted(there - set(known))]
    wrong += [f"{path}: the registry knows it, but it is not there" for path in sorted(set(known) - there)]
    both = sorted(there & set(known))
    for path, checksum in checksums(root, both).items():
        size = os.path.getsize(os.path.join(root, path))
        if size != known[path][0]:
            wrong.append(f"{path}: {size} bytes, and {known[path][0]} in the registry")
        if known[path][1] and checksum != known[path][1]:
            wrong.append(f"{path}: checksum {checksum}, and {known[path][1]} in the registry")
    for uuid, in db.execute("SELECT hex(uuid) FROM dataset GROUP BY uuid HAVING count(*) > 1"):
        wrong.append(f"dataset {uuid} is there twice")
    for path, in db.execute(f"SELECT path FROM {rows_of_files} WHERE path NOT LIKE '/%' GROUP BY store_id, path HAVING count(*) > 1"):
        wrong.append(f"{path}: two datasets have it")
    for line in wrong:
        print(line)
    return 1 if wrong else 0


sys.exit(main(sys.argv[1]))
