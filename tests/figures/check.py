#!/usr/bin/env python3
"""Ten figures of each role, computed from a CSV of posts in plain Python, beside what `grapevine query` says of them.

    python3 check.py posts.csv --grapevine target/release/grapevine --config grapevine.toml \
        --api http://127.0.0.1:8642 --token TOKEN

The CSV is the file that the running `grapevine up` has read: id, created_at, author, brand and text, and where it has
them kind, parent, root, is_team, followers, likes, reposts, replies. What the model said of each post (polarity, intent, hostility,
themes) is read from the list of posts of the API: the counting is compared, not the model. The exit code is 1 where a figure
differs. Standard library only.
"""

import argparse
import csv
import json
import math
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from collections import Counter, defaultdict
from datetime import datetime, timedelta, timezone

DAY = timedelta(days=1)
NEEDS = ("question", "complaint")


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def part(one, whole):
    return one / whole * 100 if whole else None


def read_posts(path):
    with open(path, encoding="utf-8", newline="") as file:
        posts = list(csv.DictReader(file))
    for post in posts:
        post["at"] = moment(post["created_at"])
        post["kind"] = post.get("kind") or ("reply" if post.get("parent") else "post")
        post["team"] = (post.get("is_team") or "").lower() in ("1", "true", "yes")
        post["thread"] = post.get("root") or post["id"]
        post["member"] = not post["team"] and post["kind"] != "repost"
        post["reply"] = bool(post.get("parent") or post["thread"] != post["id"]) and post["kind"] == "reply"
    return sorted(posts, key=lambda post: (post["at"], post["id"]))


def add_labels(posts, api, token):
    """What the model said, by brand, author, time and text; posts that are alike in all of them say the same."""
    said, before = {}, None
    while True:
        query = {"limit": 200} | ({"before": before} if before else {})
        request = urllib.request.Request(f"{api}/api/v1/mentions?{urllib.parse.urlencode(query)}")
        request.add_header("authorization", f"Bearer {token}")
        page = json.load(urllib.request.urlopen(request))
        for row in page["mentions"]:
            said[(row["author"], moment(row["created_at"]), row["text"])] = row
        before = page.get("next")
        if not before:
            break
    for post in posts:
        row = said[(post["author"], post["at"], post["text"])]
        post["polarity"], post["intent"] = row["polarity"], row["intent"]
        post["hostility"], post["themes"] = row["hostility"], row["themes"] or ["other"]


class Question:
    """One brand over one span, and how to ask Grapevine about it."""

    def __init__(self, args, posts):
        self.args, self.brand = args, args.brand or Counter(post["brand"] for post in posts).most_common(1)[0][0]
        self.all = posts
        self.history = [post for post in posts if post["brand"] == self.brand]
        self.start = moment(args.start) if args.start else posts[0]["at"].replace(hour=0, minute=0, second=0, microsecond=0)
        last = posts[-1]["at"].replace(hour=0, minute=0, second=0, microsecond=0)
        self.end = moment(args.end) if args.end else last + DAY
        self.posts = self.within(self.start, self.end)

    def within(self, start, end):
        return [post for post in self.history if start <= post["at"] < end]

    def days(self):
        return [self.start + DAY * n for n in range((self.end - self.start) // DAY)]

    def ask(self, metric, by=None, limit=1000):
        span = [self.start.strftime("%Y-%m-%dT%H:%M:%SZ"), self.end.strftime("%Y-%m-%dT%H:%M:%SZ")]
        command = [self.args.grapevine, "query", metric, "--config", self.args.config, "--brand", self.brand]
        command += ["--from", span[0], "--to", span[1], "--format", "json", "--limit", str(limit)]
        done = subprocess.run(command + (["--by", by] if by else []), capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return json.loads(done.stdout)

    def rows(self, metric, *columns, by=None, limit=1000):
        answer = self.ask(metric, by, limit)
        places = [[column["name"] for column in answer["columns"]].index(name) for name in columns]
        return [[row[place] for place in places] for row in answer["rows"]]

    def row(self, metric, *columns):
        return self.rows(metric, *columns)[0]


def net(posts):
    sides = Counter(post["polarity"] for post in posts if post["polarity"])
    return part(sides["positive"] - sides["negative"], sum(sides.values()))


def by_day(of, figure):
    return [figure(of.within(day, day + DAY)) for day in of.days()]


def awareness(of):
    posts = of.posts
    original = [post for post in posts if post["kind"] != "repost"]
    yield "mentions, all and without reposts", [len(posts), len(original)], of.row("mention_volume", "raw", "unique")
    found = [row[0] for row in of.rows("mention_volume", "raw", by="day")]
    yield "mentions by day", by_day(of, len), found
    kinds = dict(Counter(post["kind"] for post in posts))
    yield "mentions by kind", kinds, dict(of.rows("mention_volume", "kind", "raw", by="kind"))
    inside = Counter(post["brand"] for post in of.all if of.start <= post["at"] < of.end)
    shares = {brand: part(count, sum(inside.values())) for brand, count in inside.items()}
    yield "share of voice of every brand", shares, dict(of.rows("share_of_voice", "brand", "share_of_voice"))
    yield "net sentiment", [net(posts)], of.row("net_sentiment", "net_sentiment")
    sides = Counter(post["polarity"] for post in posts)
    polar = part(sides["positive"] - sides["negative"], sides["positive"] + sides["negative"])
    yield "net sentiment of those who take a side", [polar], of.row("net_sentiment", "net_sentiment_polar")
    found = [row[0] for row in of.rows("net_sentiment", "net_sentiment", by="day")]
    yield "net sentiment by day", by_day(of, net), found
    counters = [[post.get(name) for name in ("likes", "reposts", "replies") if post.get(name)] for post in posts]
    known = [sum(map(int, each)) for each in counters if each]
    yield "engagements", [sum(known) if known else None, len(posts), len(known)], of.row(
        "engagements", "engagements", "mentions", "mentions_known"
    )
    authors = Counter(post["author"] for post in posts)
    listed = dict(of.rows("top_voices", "author", "mentions", limit=20))
    yield "mentions of each top voice", {name: authors[name] for name in listed}, listed
    tags = Counter(tag for post in posts for tag in {tag.lower() for tag in hashtags(post["text"])})
    listed = dict(of.rows("trending_hashtags", "hashtag", "mentions", limit=20))
    yield "mentions of each hashtag", {tag: tags[tag] for tag in listed}, listed


def hashtags(text):
    """A tag begins behind what is no word, and is not of digits alone."""
    without_links = re.sub(r"https?://\S+", " ", text)
    found = re.findall(r"(?<![\w&/#@])#(\w+)", without_links)
    return [tag for tag in found if not tag.isdigit()]


def community(of):
    members = [post for post in of.posts if post["member"]]
    active = [len({post["author"] for post in of.within(of.end - DAY * days, of.end) if post["member"]}) for days in (1, 7, 30)]
    yield "active members of a day, a week, a month", active, of.row("active_members", "dau", "wau", "mau")
    yield "stickiness", [part(active[0], active[2])], of.row("stickiness", "stickiness")
    first = {}
    for post in of.history:
        if post["member"] and post["at"] < of.end:
            first.setdefault(post["author"], post["at"])
    new = [time for time in first.values() if of.start <= time]
    writers = Counter(post["author"] for post in members)
    expected = [len(new), len(writers), part(len(new), len(writers))]
    yield "newcomers", expected, of.row("newcomers", "newcomers", "active", "share")
    joined = [sum(day <= time < day + DAY for time in new) for day in of.days()]
    yield "newcomers by day", joined, [row[0] for row in of.rows("newcomers", "newcomers", by="day")]
    counts = sorted(writers.values(), reverse=True)
    top = [part(sum(counts[: math.ceil(len(counts) / parts)]), sum(counts)) for parts in (100, 10)]
    expected = top + [part(counts.count(1), len(counts))]
    yield "contribution inequality", expected, of.row("contribution_inequality", "top_1_percent", "top_10_percent", "posted_once")
    linked = sum(bool(re.search(r"https?://[^\s.,;:!?'*\]}|]", post["text"])) for post in members)
    yield "posts with links", [linked, len(members)], of.row("ugc_volume", "with_links", "mentions")
    told = [post["hostility"] for post in of.posts if not post["team"] and post["kind"] != "repost"]
    scored = [value for value in told if value is not None]
    hostile = sum(value >= 0.5 for value in scored)
    expected = [part(hostile, len(scored)), hostile, len(scored), len(told) - len(scored)]
    yield "toxicity rate", expected, of.row("toxicity_rate", "toxicity_rate", "hostile", "scored", "unscored")
    yield from answers(of)
    yield from feedback(of)


def answers(of):
    answer = of.ask("first_response_time")
    through = answer["coverage"]["complete_through"]
    horizon = min(of.end, moment(through)) if through else of.end
    replies = defaultdict(list)
    for post in of.history:
        if post["reply"] and of.start <= post["at"] <= horizon:
            for target in {post.get("parent"), post["thread"]} - {None, "", post["id"]}:
                replies[target].append(post)
    asked = [post for post in of.posts if post["intent"] in NEEDS and post["member"] and post["at"] <= horizon]
    waits = []
    for post in asked:
        others = [one["at"] for one in replies[post["id"]] if one["author"] != post["author"] and one["at"] >= post["at"]]
        waits.append(((min(others, default=horizon) - post["at"]).total_seconds(), bool(others)))
    answered = sum(done for _, done in waits)
    expected = [reached(waits, 0.5), reached(waits, 0.1), len(waits), answered, len(waits) - answered]
    yield "first response time (Kaplan-Meier)", expected, answer["rows"][0]
    expected = [part(answered, len(waits)), len(waits), answered]
    yield "response rate", expected, of.row("response_rate", "response_rate", "asked", "answered")
    late = [post["text"] for post, (wait, done) in zip(asked, waits) if not done and wait > 86_400 and post["intent"] == "question"]
    found = [row[0] for row in of.rows("unanswered_questions", "text")]
    # A list of posts is cut at 1,000: of a longer one the length alone is compared.
    listed = lambda texts: sorted(texts) if len(late) <= 1000 else min(len(texts), 1000)
    yield "unanswered questions", listed(late), listed(found)


def reached(waits, level):
    left = 1.0
    for time in sorted({wait for wait, done in waits if done}):
        at_risk = sum(wait >= time for wait, _ in waits)
        left *= 1 - sum(done and wait == time for wait, done in waits) / at_risk
        if left <= level + 1e-9:
            return time
    return None


def feedback(of):
    told = Counter()
    for post in of.posts:
        if post["intent"] in NEEDS + ("suggestion",) and post["member"]:
            told.update((post["intent"], theme) for theme in post["themes"])
    found = {(intent, theme): count for intent, theme, count in of.rows("feedback_digest", "intent", "theme", "mentions")}
    yield "feedback by intent and theme", dict(told), found


def same(one, other):
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def short(value):
    text = json.dumps(value, default=str) if not isinstance(value, dict) else str(value)
    return text if len(text) <= 90 else f"{text[:87]}..."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("csv")
    for name in ("--grapevine", "--config", "--api", "--token"):
        parser.add_argument(name, required=True)
    parser.add_argument("--brand", help="default: the one with most posts")
    parser.add_argument("--start", help="RFC 3339; default: midnight before the first post")
    parser.add_argument("--end", help="RFC 3339; default: midnight after the last post")
    args = parser.parse_args()
    posts = read_posts(args.csv)
    add_labels(posts, args.api, args.token)
    of = Question(args, posts)
    print(f"{of.brand}, {of.start:%Y-%m-%d} to {of.end:%Y-%m-%d}: {len(of.posts)} of {len(posts)} posts")
    wrong = 0
    for role, figures in (("awareness", awareness(of)), ("community", community(of))):
        for name, expected, found in figures:
            equal = same(expected, found)
            wrong += not equal
            print(f"{'equal' if equal else 'DIFFERS':<8}{role:<10} {name}: {short(expected)}")
            if not equal:
                print(f"{'':<8}{'':<10} grapevine: {short(found)}")
    print(f"{wrong} differ" if wrong else "all equal")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
