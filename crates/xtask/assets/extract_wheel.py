"""Extracts from a wheel (a zip file) the members that match the patterns: extract_wheel.py WHEEL FOLDER PATTERN..."""

import fnmatch
import sys
import zipfile

wheel, folder, *patterns = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for member in archive.infolist():
        if any(fnmatch.fnmatchcase(member.filename, pattern) for pattern in patterns):
            archive.extract(member, folder)
