"""Parses the lines of standard input as one dialogue.

echo 来一首周华健的花心 | python examples/python/parse.py models/nlpcc2018-nano

A second argument names a file of contacts, one a line, which the model is to know as well.
"""

import sys

import slu

if len(sys.argv) < 2:
    sys.exit("usage: parse.py MODEL [CONTACTS.txt] < UTTERANCES.txt")
try:
    model = slu.load(sys.argv[1])
    if len(sys.argv) > 2:
        model.lexicon.add_file("contact_name", sys.argv[2])
    session = model.session()
    for line in sys.stdin:
        result = session.parse(line.rstrip("\r\n"))
        note = "" if result.understood else " (not understood)"
        slots = "".join(f" {slot.name}={slot.value}" for slot in result.slots)
        print(f"{result.intent} {result.score:.3f}{note}{slots}")
except slu.SluError as error:
    sys.exit(f"parse: error: {error}")
