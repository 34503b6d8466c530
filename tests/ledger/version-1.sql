-- A ledger as version 1 wrote it. Never edited: it stands for the files that people have.
BEGIN TRANSACTION;
CREATE TABLE collectors (
  workspace TEXT NOT NULL,
  collector TEXT NOT NULL,
  is_success BOOLEAN NOT NULL,
  last_success_ms BIGINT,
  PRIMARY KEY (workspace, collector)
);
CREATE TABLE counters (
  workspace TEXT NOT NULL,
  metric TEXT NOT NULL,
  labels TEXT NOT NULL,
  value BIGINT NOT NULL,
  held_until_ms BIGINT,
  PRIMARY KEY (workspace, metric, labels)
);
INSERT INTO "counters" VALUES('acme','hex_runs_total','["p","scheduled","completed"]',7,NULL);
CREATE TABLE listings (
  workspace TEXT NOT NULL,
  collector TEXT NOT NULL,
  body TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (workspace, collector)
);
CREATE TABLE meta (
  "key" TEXT NOT NULL,
  value BIGINT NOT NULL,
  PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('schema_version',1);
INSERT INTO "meta" VALUES('created_ms',5);
CREATE TABLE notes (
  workspace TEXT NOT NULL,
  "key" TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (workspace, "key")
);
CREATE TABLE project_tables (
  workspace TEXT NOT NULL,
  project_id TEXT NOT NULL,
  source TEXT NOT NULL,
  body TEXT NOT NULL,
  edited_ms BIGINT,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (workspace, project_id, source)
);
CREATE TABLE projects (
  workspace TEXT NOT NULL,
  project_id TEXT NOT NULL,
  body TEXT NOT NULL,
  first_seen_ms BIGINT NOT NULL,
  gone_since_ms BIGINT,
  has_series BOOLEAN NOT NULL,
  schedules_since_ms BIGINT NOT NULL,
  progress TEXT NOT NULL,
  PRIMARY KEY (workspace, project_id)
);
INSERT INTO "projects" VALUES('acme','p','{"project_id":"p","title":"Orders","published_ms":1}',6,NULL,1,6,'{"known_until_ms":20}');
CREATE TABLE requests (
  workspace TEXT NOT NULL,
  minute_ms BIGINT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (workspace, minute_ms)
);
CREATE TABLE runs (
  workspace TEXT NOT NULL,
  run_id TEXT NOT NULL,
  project_id TEXT NOT NULL,
  status TEXT NOT NULL,
  "trigger" TEXT NOT NULL,
  start_ms BIGINT,
  end_ms BIGINT,
  elapsed_ms BIGINT,
  version TEXT,
  first_seen_ms BIGINT NOT NULL,
  started_ms BIGINT NOT NULL,
  ended_ms BIGINT,
  is_active BOOLEAN NOT NULL,
  was_active BOOLEAN NOT NULL,
  is_counted BOOLEAN NOT NULL,
  is_gone BOOLEAN NOT NULL,
  PRIMARY KEY (workspace, run_id)
);
INSERT INTO "runs" VALUES('acme','r','p','completed','scheduled',10,15,5,'3',20,10,15,0,1,1,0);
CREATE TABLE threads (
  workspace TEXT NOT NULL,
  thread_id TEXT NOT NULL,
  credits_milli BIGINT NOT NULL,
  PRIMARY KEY (workspace, thread_id)
);
CREATE TABLE workspaces (
  workspace TEXT NOT NULL,
  first_contact_ms BIGINT,
  cool_down_until_ms BIGINT,
  pruned_before_ms BIGINT,
  members_chosen_ms BIGINT,
  members_limit INTEGER,
  PRIMARY KEY (workspace)
);
INSERT INTO "workspaces" VALUES('acme',6,NULL,NULL,NULL,NULL);
CREATE INDEX runs_by_start ON runs (workspace, started_ms, project_id, status);
CREATE INDEX runs_active ON runs (workspace, project_id) WHERE is_active = 1;
CREATE INDEX runs_by_project ON runs (workspace, project_id, status, started_ms);
COMMIT;
