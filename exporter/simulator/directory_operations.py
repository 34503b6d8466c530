"""The operations on people, groups, collections, connections, threads and cells."""

from functools import partial

from exporter.simulator import hex_json
from exporter.simulator.ai_threads import TOPICS, Talk
from exporter.simulator.api_call import Answer, Call
from exporter.simulator.event_times import DAY_MS
from exporter.simulator.hex_json import Json
from exporter.simulator.paging import MOST_PEOPLE, cursor_page
from exporter.simulator.population import COLLECTIONS
from exporter.simulator.refusals import RefusalError
from exporter.simulator.seeded_random import identifier

_DIRECTIONS = ("ASC", "DESC")


def get_me(call: Call) -> Answer:
    """Me: who the token belongs to; a workspace token belongs to no user."""
    expires_ms = call.token.expires_ms
    found: Json = {
        "org": {"id": call.simulation.org_id},
        "token": {"exp": None if expires_ms is None else expires_ms // 1000},
    }
    return 200, found if call.token.is_workspace else {**hex_json.person(call.person, call.now_ms), **found}


def list_users(call: Call) -> Answer:
    """ListUsers."""
    query, staff = call.query, call.simulation.staff
    people, wanted = staff.people, query.words("userIds")
    group_id = query.text("groupId")
    if group_id is not None:
        team = next((team for team in staff.teams if team.group_id == group_id), None)
        people = staff.members(team) if team else ()
    key = query.choice("sortBy", ("NAME", "EMAIL"), "NAME")
    chosen = sorted(
        (person for person in people if not wanted or person.user_id in wanted),
        key=lambda person: ((person.name or "") if key == "NAME" else person.email, person.user_id),
        reverse=query.choice("sortDirection", _DIRECTIONS, "ASC") == "DESC",
    )
    page = cursor_page(
        chosen,
        lambda person: person.user_id,
        lambda person: hex_json.person(person, call.now_ms),
        query,
        call.kinds,
        most=MOST_PEOPLE,
    )
    return 200, page


def list_groups(call: Call) -> Answer:
    """ListGroups."""
    key = call.query.choice("sortBy", ("CREATED_AT", "NAME"), "NAME")
    teams = sorted(
        call.simulation.staff.teams,
        key=lambda team: (team.name if key == "NAME" else f"{team.created_ms:015}", team.group_id),
        reverse=call.query.choice("sortDirection", _DIRECTIONS, "ASC") == "DESC",
    )
    page = cursor_page(teams, lambda team: team.group_id, hex_json.team, call.query, call.kinds, most=MOST_PEOPLE)
    return 200, page


def get_group(call: Call) -> Answer:
    """GetGroup."""
    for team in call.simulation.staff.teams:
        if team.group_id == call.path["group_id"]:
            return 200, hex_json.team(team)
    raise RefusalError(404, "Group not found")


def list_collections(call: Call) -> Answer:
    """ListCollections."""
    call.query.choice("sortBy", ("NAME",))
    return 200, cursor_page(_collections(call), lambda item: str(item["id"]), dict, call.query, call.kinds)


def get_collection(call: Call) -> Answer:
    """GetCollection."""
    for collection in _collections(call):
        if collection["id"] == call.path["collection_id"]:
            return 200, collection
    raise RefusalError(404, "Collection not found")


def list_connections(call: Call) -> Answer:
    """ListDataConnections: in full for those who administer them."""
    key = call.query.choice("sortBy", ("NAME", "CREATED_AT"), "NAME")
    links = sorted(
        call.simulation.links,
        key=lambda link: (link.name if key == "NAME" else f"{link.created_ms:015}", link.connection_id),
        reverse=call.query.choice("sortDirection", _DIRECTIONS, "ASC") == "DESC",
    )
    render = partial(hex_json.link, is_full=call.is_admin)
    return 200, cursor_page(links, lambda link: link.connection_id, render, call.query, call.kinds)


def get_connection(call: Call) -> Answer:
    """GetDataConnection."""
    for link in call.simulation.links:
        if link.connection_id == call.path["connection_id"]:
            return 200, hex_json.link(link, call.is_admin)
    raise RefusalError(404, "Data connection not found")


def list_threads(call: Call) -> Answer:
    """ListThreads: the newest first; an admin sees all, a manager the own ones and those of the type Threads."""
    call.needs_role("manager")
    query, now_ms = call.query, call.now_ms
    source = query.choice("source", ("HEX", "SLACK", "MCP", "PUBLIC_API"))
    kind = query.choice("type", ("THREADS", "NOTEBOOK", "MODELING"))
    user_id, days = query.text("userId"), query.number("numDays", 0, 1)
    roles, topic_ids = query.words("roles"), query.words("topicIds")
    people = {person.user_id: person for person in call.simulation.staff.people}
    topics = {identifier(call.simulation.seed, "topic", number): name for number, name in enumerate(TOPICS)}
    if query.flag("hasFeedback") or query.words("warnings"):
        talks: list[Talk] = []
    else:
        talks = list(call.simulation.talks.newest(now_ms))

    def is_wanted(talk: Talk) -> bool:
        return (
            _can_see_talk(call, talk)
            and source in (None, talk.source)
            and kind in (None, talk.type_filter)
            and user_id in (None, talk.user_id)
            and (not days or talk.created_ms >= now_ms - days * DAY_MS)
            and (not roles or people[talk.user_id].role.upper() in roles)
            and (not topic_ids or any(topics.get(wanted) in talk.topics for wanted in topic_ids))
        )

    return 200, cursor_page(
        [talk for talk in talks if is_wanted(talk)],
        lambda talk: talk.thread_id,
        lambda talk: hex_json.talk(call.simulation, talk, now_ms, call.base),
        query,
        call.kinds,
        name="threads",
    )


def get_thread(call: Call) -> Answer:
    """GetThread: a thread under another name of its id, with its state."""
    call.needs_role("manager")
    for talk in call.simulation.talks.newest(call.now_ms):
        if talk.thread_id == call.path["thread_id"] and _can_see_talk(call, talk):
            found = hex_json.talk(call.simulation, talk, call.now_ms, call.base)
            del found["id"]
            state = "RUNNING" if talk.is_running(call.now_ms) else "IDLE"
            more: Json = {"threadId": talk.thread_id, "status": state, "error": None, "resources": [], "response": []}
            return 200, found | more
    raise RefusalError(404, "Thread not found")


def list_cells(call: Call) -> Answer:
    """ListCells: of one project's draft."""
    project = call.simulation.by_id.get(call.query.needed("projectId"))
    if project is None or not call.can_see(project):
        raise RefusalError(404, "Project not found")
    cells = hex_json.cells(call.simulation.seed, project)
    return 200, cursor_page(cells, lambda cell: str(cell["id"]), dict, call.query, call.kinds)


def list_topics(call: Call) -> Answer:
    """ListTopics."""
    topics = [hex_json.topic(call.simulation.seed, number) for number in range(len(TOPICS))]
    return 200, cursor_page(topics, lambda topic: str(topic["id"]), dict, call.query, call.kinds, name="topics")


def _collections(call: Call) -> list[Json]:
    simulation = call.simulation
    return [
        hex_json.collection(simulation.seed, number, name, simulation.staff)
        for number, name in sorted(enumerate(COLLECTIONS), key=lambda pair: pair[1])
    ]


def _can_see_talk(call: Call, talk: Talk) -> bool:
    if call.is_admin:
        return True
    return talk.user_id == call.person.user_id or talk.type_filter == "THREADS"
