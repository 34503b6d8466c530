"""The messages for mistakes, word for word: one table for each reader. Other tests look at lines and keys only.

Every sentence says what is wrong, and after `; ` what to do.
"""

import pytest

TOP = (
    "workspaces, storage, collect, exports, week, budgets, teams, prices, compute, contract, chargeback, currency, "
    "seats, labels, limits, sources, warehouses, gateway, triggers, cluster, audit, ignore, overview"
)
MATCH = "workspace, project_id, title, owner, group, category, project_status, collection"
DURATION = "a duration such as 90s, 15m, 24h or 400d"

DOCUMENT = [
    ("week: [", "not YAML: a [ or { is not closed; close it"),
    ("a: b: c", "not YAML: a colon within text; put the text in quotes, or correct the indentation"),
    ('"\\U00110000": 1', "not YAML: an escape or a directive has an impossible number; correct it"),
    ("a: \x01", "YAML does not allow the character U+0001; remove it"),
    (b"a: \xff", "the byte 0xff is not UTF-8; save the file as UTF-8"),
    ("[" * 900, "lists or mappings are nested too deeply; write fewer levels"),
    ("teams: *nobody", "not YAML: text that begins with * stands in quotes"),
    ("workspaces: [{token_env: @x}]", "not YAML: text that begins with *, &, @, %, ! or ` stands in quotes"),
    ("week: {\ta: b", "not YAML: a tab stands where YAML wants spaces; indent with spaces"),
    ("week: {timezone: UTC", "not YAML: a [ or { is not closed; close it, and put text with a comma or colon in "
     "quotes"),
    ("week: {}\nstorage", "not YAML: a line without `key: value`; add the colon, or correct the indentation"),
    ("week:\n  timezone: UTC\n starts: monday", "not YAML: the line is indented unlike its neighbours, or text goes on "
     "after a quote or bracket; align or quote it"),
]  # fmt: skip

KEYS = [
    ("- a", f"a list is not valid; write a mapping of {TOP}"),
    ("workspace: []", f'unknown key "workspace"; write one of {TOP}; did you mean workspaces?'),
    ("zzz: 1", f'unknown key "zzz"; write one of {TOP}'),
    ("week: {}\nweek: {}", 'the key "week" is there twice, first in line 1; remove one of them'),
    ("? [a]\n: 1", f"a list is not valid as a key; write one of {TOP}"),
    ("<<: {a: b}", "the merge key << is not supported; write the keys themselves"),
    ("teams: [{}]", "teams[0]: name and match are missing; add them"),
    ("teams: [{name: a}]", "teams[0]: match is missing; add it"),
    ("teams: [~]", "teams[0]: an empty value is not valid; write a mapping of name, match"),
]

ITEMS = [
    ("workspaces: {name: a}", "workspaces: a mapping is not valid; write a list of at least one mapping"),
    ("workspaces: []", "workspaces: an empty list is not valid; write a list of at least one mapping"),
    ("week: 5", "week: a number is not valid; write a mapping or a list of mappings"),
    ("teams: a", "teams: text is not valid; write a list of mappings"),
    ("sources: [{match: {title: a}, sql: {url_env: A, tables: []}}]",
     "sources[0].sql.tables: an empty list is not valid; write a list of at least one table name"),
]  # fmt: skip

SCALARS = [
    ("limits: {projects_with_series: many}",
     'limits.projects_with_series: "many" is not valid; write a whole number from 1 to 1,000,000'),
    ("workspaces: [{rate_limit: {share: 50}}]",
     "workspaces[0].rate_limit.share: 50 is not valid; write a number above 0 and at most 1"),
    ("collect: {runs: maybe}", 'collect.runs: "maybe" is not valid; write true or false'),
    ("collect: {queried_tables: maybe}", 'collect.queried_tables: "maybe" is not valid; write auto, true or false'),
    ("prices: {run_usd: free}",
     'prices.run_usd: "free" is not valid; write an amount in dollars such as 28 or 0.05, to a millionth at the '
     "finest"),
    ("storage: {keep_runs: forever}", f'storage.keep_runs: "forever" is not valid; write {DURATION}'),
    ("storage: {keep_runs: [1d]}", f"storage.keep_runs: a list is not valid; write {DURATION}"),
    ("storage: {keep_runs: 0s}", 'storage.keep_runs: "0s" is out of range; write a duration from 1s to 36500d'),
    ("gateway: {policies: [{min_interval: 0}]}",
     f"gateway.policies[0].min_interval: 0 is not valid; write 0s, or {DURATION}"),
    ("workspaces: [{name: ''}]", 'workspaces[0].name: "" is not valid; write text that is not blank'),
    ("workspaces: [{name: 5}]", "workspaces[0].name: 5 is not text; put it in quotes"),
    ('workspaces: [{name: "a\\n"}]', 'workspaces[0].name: "a\\n" has control characters; remove them'),
    ("sources: [{match: {title: a}, sql: {url_env: A, query: ''}}]",
     'sources[0].sql.query: "" is not valid; write a query in SQL'),
    ("workspaces: [{token_file: hxtp_0123abcd}]",
     "workspaces[0].token_file: this is a token; write the path of the file that has it"),
    ("workspaces: [{token_env: hxtw_0123abcd}]",
     "workspaces[0].token_env: this is a token; write the name of the environment variable that has it"),
    ("workspaces: [{token_env: 'A B'}]",
     "workspaces[0].token_env: the value is not valid; write the name of an environment variable"),
    ("labels: {owner: emial}",
     'labels.owner: "emial" is not valid; write one of email, hash, none; did you mean email?'),
    ("labels: {owner: 1}", "labels.owner: 1 is not valid; write one of email, hash, none"),
    ("week: {timezone: europe/zürich}",
     'week.timezone: "europe/zürich" is not valid; write an IANA time zone such as Europe/Zurich; '
     "did you mean Europe/Zurich?"),
    ("seats: {reviewed_on: 0001-01-01}",
     "seats.reviewed_on: 0001-01-01 is before 1970; write a day such as 2026-10-01"),
    ("ignore: [{kind: idle_paid_seat, subject: a, reason: b, until: 1969-12-31}]",
     "ignore[0].until: 1969-12-31 is before 1970; write a day such as 2026-10-01"),
    ("collect: {max_age: 90s}", "collect.max_age: listings cannot be read again so soon at 900 requests an hour; "
     "write at least 2m, or 0s to never show what comes from them"),
    ("collect: {except: [{}]}", "collect.except[0]: has no pattern; add one of workspace, project_id, title, owner, "
     "group, category, project_status, collection, team"),
    ("teams: [{name: a, match: {title: b, except: {}}}]", f"teams[0].match.except: has no pattern; add one of {MATCH}"),
    ("sources: [{match: {}, http: {url: 'https://a.example/b'}}]",
     f"sources[0]: match has no pattern; add one of {MATCH}, team"),
    ("seats: {reviewed_on: tomorrow}", 'seats.reviewed_on: "tomorrow" is not valid; write a day such as 2026-10-01'),
]  # fmt: skip

URLS = [
    ("workspaces: [{base_url: hex.example}]",
     "workspaces[0].base_url: the address does not begin with https://; write https://HOST/api/v1"),
    ("workspaces: [{base_url: 'https://a:b@hex.example'}]",
     "workspaces[0].base_url: the address has a user name; write the host only"),
    ("workspaces: [{base_url: 'https://hex.example?a=b'}]",
     "workspaces[0].base_url: the address has a query or a fragment; write it without"),
    ("workspaces: [{base_url: 'https://'}]",
     "workspaces[0].base_url: the address cannot be read; write https://HOST/api/v1"),
    ("workspaces: [{base_url: 'http://hex.example'}]",
     "workspaces[0].base_url: http:// to the host hex.example is not encrypted; write https:// "
     "(http:// is for loopback hosts only)"),
    ("workspaces: [{base_url: [a]}]",
     "workspaces[0].base_url: a list is not valid; write an address such as https://app.hex.tech/api/v1"),
    ("storage: {url: 'postgresql:///'}",
     "storage.url: the address names no host; write postgresql://USER:PASSWORD@HOST/DATABASE"),
    ("storage: {url: 'postgresql://h/db', url_env: LEDGER}", "storage: url and url_env are given; keep one of them"),
    ("storage: {url_env: LEDGER}", "storage.url_env: LEDGER is not set; put the address of the ledger into it"),
    ("storage: {url_file: /absent}",
     "storage.url_file: /absent cannot be read (No such file or directory); name a file that this user may read"),
    ("storage: {schema: hex}",
     "storage.schema: a SQLite ledger has no schema; remove it, or set url to a postgresql:// address"),
    ("storage: {url: 'sqlite:///a.db?mode=memory'}",
     "storage.url: the address has options; write sqlite:///PATH without any"),
    ("storage: {url: /a.db}", "storage.url: the value is not valid; write sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"),
    ("gateway: {public_url: 'https://a.example/?b'}",
     "gateway.public_url: the address has a query or a fragment; write https://HOST"),
    ("gateway: {listen_address: '9892'}",
     'gateway.listen_address: "9892" is not valid; write HOST:PORT, [IPV6]:PORT or :PORT'),
    ("sources: [{match: {title: a}, http: {url: 'https://a.example/#x'}}]",
     "sources[0].http.url: the address has a fragment, which is never sent; write it without"),
    ("sources: [{match: {title: a}, http: {url: 'https://a.example/{title}'}}]",
     "sources[0].http.url: the address has braces; write none but in {project_id}"),
    ("sources: [{match: {title: a}, http: {url: 'https://a.example/a b'}}]",
     "sources[0].http.url: the address cannot be read; write https://HOST/PATH, odd characters as %XX"),
]  # fmt: skip

RECORDS = [
    ("workspaces: [{token_file: a, token_env: B}]",
     "workspaces[0]: both token_file and token_env are given; remove one of them"),
    ("teams: [{name: a, match: {}}]", f"teams[0]: match has no pattern; add one of {MATCH}"),
    ("labels: {owner: hash}", "labels: owner: hash needs a key; add hash_key_file"),
    ("budgets: [{name: a, unit: runs, limit: 5, thresholds: {critical: 100}}]",
     "budgets[0].thresholds.critical: 100 would be 10,000 % of the limit; write ratios, 0.5 for 50 %"),
    ("budgets: [{name: a, unit: runs, limit: 5, match: {trigger: schedule}}]",
     'budgets[0].match.trigger: "schedule" matches no trigger; write one of scheduled, api, app_refresh, unknown; '
     "did you mean scheduled?"),
    ("workspaces: [{name: acme, token_env: A}]\nweek: {workspace: amce}",
     'week.workspace: "amce" matches no workspace; write one of acme; did you mean acme?'),
    ("workspaces: [{name: acme, token_env: A}]\nsources: [{match: {workspace: x}, file: {paths: [/a]}}]",
     'sources[0].match.workspace: "x" matches no workspace; write one of acme'),
    ("budgets: [{name: a, unit: runs, limit: 5, thresholds: {info: 0.9}}]",
     "budgets[0].thresholds: info 0.9, warning 0.8, critical 1 are not in order; write each above the one before"),
    ("budgets: [{name: a, unit: ai_credits, limit: 5, match: {title: x}}]",
     "budgets[0]: ai_credits cannot be matched to runs, as no credit has a project; match by workspace only"),
    ("sources: [{match: {title: a}}]", "sources[0]: the kind of source is missing; add sql, http or file"),
    ("sources: [{match: {title: a}, file: {paths: [/a]}, http: {url: 'https://a.example'}}]",
     "sources[0]: both http and file are given; keep one of them"),
    ("sources: [{match: {title: a}, file: {paths: [/a]}, http: {url: 'https://a.example'}, "
     "sql: {url_env: A, query: b}}]",
     "sources[0]: sql, http and file are given; keep one of them"),
    ("sources: [{match: {title: a}, sql: {query: a}}]",
     "sources[0].sql: the database's URL is missing; add url_env or url_file"),
    ("sources: [{match: {title: a}, sql: {url_env: A}}]",
     "sources[0].sql: there is nothing to look at; add query, tables or connection"),
    ("sources: [{match: {title: a}, sql: {url_env: A, tables: [a, 'b c']}}]",
     "sources[0].sql: entry 2 of tables is not a table; write NAME, SCHEMA.NAME or A.B.C"),
    ("sources: [{match: {title: a}, http: {url: 'http://a.example', authorization_file: b}}]",
     "sources[0].http: authorization_file is a secret and http:// is not encrypted; write https://"),
    ("gateway: {listen_address: ':9892'}",
     "gateway: the public address :9892 has no TLS, and callers send their Hex tokens there; "
     "add web_config_file, write a loopback address, or add allow_insecure: true"),
    ("gateway: {public_url: 'http://a.example'}",
     "gateway: public_url is not encrypted, and callers send their Hex tokens there; write https://, "
     "or add allow_insecure: true"),
    ("gateway: {policies: [{sample: {header: X-Trial, parameter: rows, value: 1}}]}",
     "gateway.policies[0]: sample would apply to every project; add a match with a pattern other than * on projects"),
    ("gateway: {policies: [{min_interval: 2h, max_age: 1h}]}",
     "gateway.policies[0]: min_interval is longer than max_age; write at most 3600s"),
    ("gateway: {policies: [{match: {title: a}, sample: {header: 'a b', parameter: rows, value: 1}}]}",
     "gateway.policies[0].sample: header is not the name of a header; write one such as X-Hex-Trial"),
    ("gateway: {policies: [{match: {title: a}, sample: {header: Cookie, parameter: rows, value: 1}}]}",
     "gateway.policies[0].sample: the header Cookie has a meaning already; write one of your own such as X-Hex-Trial"),
]  # fmt: skip

TWO = "workspaces: [{name: acme, token_env: A}, {name: labs, token_env: B}]\n"
WHOLE_FILE = [
    ("workspaces: [{name: acme, token_env: A}, {name: acme, token_env: B}]",
     'workspaces[1]: a workspace "acme" is there already, in line 1; write another name'),
    ("warehouses: [{name: a, kind: redshift, url_env: U}, {name: b, kind: redshift, url_env: U}]",
     'warehouses[1]: "b" reads the same query log as "a", so that its money would be counted twice; keep one of them'),
    ("workspaces: [{name: acme, token_env: A}, {name: labs}]",
     "workspaces[1]: the token is missing; with several workspaces, add token_file or token_env to each"),
    (TWO + "gateway: {concurrency: 1}", "gateway: no workspace is named; write one of acme, labs"),
    (TWO + "gateway: {workspace: lab}",
     'gateway.workspace: "lab" is not a workspace; write one of acme, labs; did you mean labs?'),
]  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), [*DOCUMENT, *KEYS, *ITEMS, *SCALARS, *URLS, *RECORDS, *WHOLE_FILE])
def test_a_mistake_is_told_with_what_to_do(mistakes, text, sentence):
    (mistake,) = mistakes(text)

    assert mistake.split(": ", 1)[1] == sentence


def test_too_many_mistakes_end_the_reading(mistakes):
    unknown = ", ".join(f"k{n}: 1" for n in range(50))

    found = mistakes(f"teams:\n- &t {{{unknown}}}\n" + "- *t\n" * 5_000)

    assert found[-1] == "hex.yml: too many mistakes; correct these first, the rest of the file was not read"
    assert len(found) <= 101
