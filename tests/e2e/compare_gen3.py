#!/usr/bin/env python3
"""compare_gen3.py THEIRS OURS: two Gen3 registries must have the same statements and the same rows.

Numbers of validity ranges may differ: they say nothing.  Everything in OURS must be whole."""
import sqlite3
import sys


def connect(path):
    return sqlite3.connect("file:%s?mode=ro&immutable=1" % path, uri=True)


def statements(db):
    return dict(db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))


def rows(db, table):
    columns = [row[1] for row in db.execute('PRAGMA table_info("%s")' % table)]
    if table.startswith("dataset_calibs"):
        columns.remove("id")
    return sorted(db.execute('SELECT %s FROM "%s"' % (", ".join('"%s"' % c for c in columns), table)), key=repr)


theirs, ours = connect(sys.argv[1]), connect(sys.argv[2])
failed = False
a, b = statements(theirs), statements(ours)
for name in sorted(set(a) | set(b)):
    if a.get(name) != b.get(name):
        failed = True
        print("statement %s:\n  theirs %s\n  ours   %s" % (name, a.get(name), b.get(name)))
for (table,) in theirs.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
    if table not in b:
        continue
    x, y = rows(theirs, table), rows(ours, table)
    if x != y:
        failed = True
        print("table %s: %d rows and %d; only theirs: %.500s; only ours: %.500s" %
              (table, len(x), len(y), [r for r in x if r not in y][:3], [r for r in y if r not in x][:3]))
for pragma in "page_size", "user_version", "application_id", "encoding", "journal_mode":
    x, y = (db.execute("PRAGMA " + pragma).fetchone() for db in (theirs, ours))
    if x != y:
        failed = True
        print("%s: %s and %s" % (pragma, x, y))
whole = ours.execute("PRAGMA foreign_key_check").fetchall(), ours.execute("PRAGMA integrity_check").fetchall()
if whole != ([], [("ok",)]):
    failed = True
    print(whole)
sys.exit(failed)
