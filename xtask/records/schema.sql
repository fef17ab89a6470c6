CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO "alembic_version" VALUES('0001');

CREATE TABLE builds (
	id TEXT NOT NULL,
	status TEXT NOT NULL,
	stage TEXT NOT NULL,
	progress INTEGER NOT NULL,
	profile TEXT NOT NULL,
	manifest_hash TEXT NOT NULL,
	image_digest TEXT,
	config_digest TEXT,
	image_ref TEXT,
	bundle TEXT,
	modules JSON NOT NULL,
	modules_delta JSON NOT NULL,
	requested_by TEXT NOT NULL,
	reason TEXT NOT NULL,
	error TEXT,
	created_at TEXT NOT NULL,
	finished_at TEXT,
	CONSTRAINT pk_builds PRIMARY KEY (id),
	CONSTRAINT uq_builds_id_manifest_hash_image_digest UNIQUE (id, manifest_hash, image_digest),
	CONSTRAINT ck_builds_status CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
	CONSTRAINT ck_builds_progress CHECK (progress BETWEEN 0 AND 100),
	CONSTRAINT ck_builds_manifest_hash CHECK (substr(manifest_hash, 1, 7) = 'sha256:' AND length(manifest_hash) = 71),
	CONSTRAINT ck_builds_image_digest CHECK (substr(image_digest, 1, 7) = 'sha256:' AND length(image_digest) = 71),
	CONSTRAINT ck_builds_image CHECK ((status = 'succeeded') = (image_digest IS NOT NULL)),
	CONSTRAINT ck_builds_evidence CHECK (status <> 'succeeded' OR (config_digest IS NOT NULL AND image_ref IS NOT NULL AND bundle IS NOT NULL)),
	CONSTRAINT ck_builds_error CHECK (status <> 'failed' OR error IS NOT NULL),
	CONSTRAINT ck_builds_finished CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
	CONSTRAINT ck_builds_requested_by CHECK (requested_by <> '')
);

CREATE TABLE environments (
	name TEXT NOT NULL,
	rank INTEGER NOT NULL,
	CONSTRAINT pk_environments PRIMARY KEY (name),
	CONSTRAINT ck_environments_name CHECK (name <> '')
);

CREATE TABLE events (
	seq INTEGER NOT NULL,
	release_id TEXT NOT NULL,
	from_status TEXT,
	to_status TEXT NOT NULL,
	actor TEXT NOT NULL,
	detail TEXT,
	at TEXT NOT NULL,
	CONSTRAINT pk_events PRIMARY KEY (seq),
	CONSTRAINT fk_events_from_status FOREIGN KEY(from_status, to_status) REFERENCES release_transitions (from_status, to_status),
	CONSTRAINT fk_events_release_id FOREIGN KEY(release_id) REFERENCES releases (id)
);

CREATE TABLE release_transitions (
	from_status TEXT NOT NULL,
	to_status TEXT NOT NULL,
	CONSTRAINT pk_release_transitions PRIMARY KEY (from_status, to_status)
);

INSERT INTO "release_transitions" VALUES('active','rolled_back');

INSERT INTO "release_transitions" VALUES('active','superseded');

INSERT INTO "release_transitions" VALUES('deploying','failed');

INSERT INTO "release_transitions" VALUES('deploying','recovery_required');

INSERT INTO "release_transitions" VALUES('deploying','verifying');

INSERT INTO "release_transitions" VALUES('pending','deploying');

INSERT INTO "release_transitions" VALUES('pending','failed');

INSERT INTO "release_transitions" VALUES('recovery_required','active');

INSERT INTO "release_transitions" VALUES('recovery_required','failed');

INSERT INTO "release_transitions" VALUES('verifying','active');

INSERT INTO "release_transitions" VALUES('verifying','failed');

INSERT INTO "release_transitions" VALUES('verifying','recovery_required');

CREATE TABLE releases (
	id TEXT NOT NULL,
	environment TEXT NOT NULL,
	generation INTEGER NOT NULL,
	kind TEXT NOT NULL,
	status TEXT NOT NULL,
	build_id TEXT NOT NULL,
	manifest_hash TEXT NOT NULL,
	image_digest TEXT NOT NULL,
	target TEXT NOT NULL,
	port INTEGER NOT NULL,
	previous_release_id TEXT,
	restores_release_id TEXT,
	actor TEXT NOT NULL,
	reason TEXT NOT NULL,
	modules_delta JSON NOT NULL,
	created_at TEXT NOT NULL,
	activated_at TEXT,
	ended_at TEXT,
	error TEXT,
	updated_by TEXT NOT NULL,
	updated_at TEXT NOT NULL,
	CONSTRAINT pk_releases PRIMARY KEY (id),
	CONSTRAINT uq_releases_environment_generation UNIQUE (environment, generation),
	CONSTRAINT uq_releases_id_environment UNIQUE (id, environment),
	CONSTRAINT uq_releases_id_environment_build_id UNIQUE (id, environment, build_id),
	CONSTRAINT fk_releases_build_id FOREIGN KEY(build_id, manifest_hash, image_digest) REFERENCES builds (id, manifest_hash, image_digest),
	CONSTRAINT fk_releases_previous_release_id FOREIGN KEY(previous_release_id, environment) REFERENCES releases (id, environment),
	CONSTRAINT fk_releases_restores_release_id FOREIGN KEY(restores_release_id, environment, build_id) REFERENCES releases (id, environment, build_id),
	CONSTRAINT ck_releases_kind CHECK (kind IN ('promote', 'rollback')),
	CONSTRAINT ck_releases_status CHECK (status IN ('pending', 'deploying', 'verifying', 'active', 'failed', 'superseded', 'rolled_back', 'recovery_required')),
	CONSTRAINT ck_releases_generation CHECK (generation >= 1),
	CONSTRAINT ck_releases_restores CHECK ((kind = 'rollback') = (restores_release_id IS NOT NULL)),
	CONSTRAINT ck_releases_leaves CHECK (kind <> 'rollback' OR previous_release_id IS NOT NULL),
	CONSTRAINT ck_releases_itself CHECK (previous_release_id <> id AND restores_release_id <> id),
	CONSTRAINT ck_releases_elsewhere CHECK (restores_release_id <> previous_release_id),
	CONSTRAINT ck_releases_actor CHECK (actor <> ''),
	CONSTRAINT ck_releases_reason CHECK (trim(reason) <> ''),
	CONSTRAINT ck_releases_activated CHECK ((status IN ('active', 'superseded', 'rolled_back')) = (activated_at IS NOT NULL)),
	CONSTRAINT ck_releases_ended CHECK ((status IN ('failed', 'superseded', 'rolled_back')) = (ended_at IS NOT NULL)),
	CONSTRAINT ck_releases_error CHECK (status <> 'failed' OR error IS NOT NULL),
	CONSTRAINT fk_releases_environment FOREIGN KEY(environment) REFERENCES environments (name)
);

CREATE UNIQUE INDEX one_live_build ON builds (manifest_hash) WHERE status IN ('queued', 'running', 'succeeded');

CREATE UNIQUE INDEX one_active_release ON releases (environment) WHERE status = 'active';

CREATE UNIQUE INDEX one_release_in_flight ON releases (environment) WHERE status IN ('deploying', 'verifying', 'recovery_required');

CREATE INDEX ix_events_release_id ON events (release_id);

CREATE TRIGGER builds_start BEFORE INSERT ON builds FOR EACH ROW WHEN (NEW.status NOT IN ('queued', 'running')) BEGIN SELECT RAISE(ABORT, 'a build starts queued or running'); END;

CREATE TRIGGER builds_identity BEFORE UPDATE OF id, profile, manifest_hash, modules_delta, requested_by, reason, created_at ON builds FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'what a build was asked for never changes'); END;

CREATE TRIGGER builds_final BEFORE UPDATE ON builds FOR EACH ROW WHEN (OLD.status IN ('succeeded', 'failed', 'cancelled')) BEGIN SELECT RAISE(ABORT, 'a finished build never changes'); END;

CREATE TRIGGER builds_status BEFORE UPDATE OF status ON builds FOR EACH ROW WHEN (OLD.status <> NEW.status AND OLD.status || '>' || NEW.status NOT IN ('queued>cancelled', 'queued>running', 'running>cancelled', 'running>failed', 'running>succeeded')) BEGIN SELECT RAISE(ABORT, 'a build cannot change its status so'); END;

CREATE TRIGGER builds_progress BEFORE UPDATE OF progress ON builds FOR EACH ROW WHEN (NEW.progress < OLD.progress) BEGIN SELECT RAISE(ABORT, 'progress never decreases'); END;

CREATE TRIGGER builds_kept BEFORE DELETE ON builds FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'a build is never deleted'); END;

CREATE TRIGGER releases_start BEFORE INSERT ON releases FOR EACH ROW WHEN (NEW.status NOT IN ('pending', 'deploying')) BEGIN SELECT RAISE(ABORT, 'a release starts pending or deploying'); END;

CREATE TRIGGER releases_identity BEFORE UPDATE OF id, environment, generation, kind, build_id, manifest_hash, image_digest, target, port, previous_release_id, restores_release_id, actor, reason, modules_delta, created_at ON releases FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'the identity of a release never changes'); END;

CREATE TRIGGER releases_final BEFORE UPDATE ON releases FOR EACH ROW WHEN (OLD.status IN ('failed', 'superseded', 'rolled_back')) BEGIN SELECT RAISE(ABORT, 'an ended release never changes'); END;

CREATE TRIGGER releases_status BEFORE UPDATE OF status ON releases FOR EACH ROW WHEN (OLD.status <> NEW.status AND OLD.status || '>' || NEW.status NOT IN ('active>rolled_back', 'active>superseded', 'deploying>failed', 'deploying>recovery_required', 'deploying>verifying', 'pending>deploying', 'pending>failed', 'recovery_required>active', 'recovery_required>failed', 'verifying>active', 'verifying>failed', 'verifying>recovery_required')) BEGIN SELECT RAISE(ABORT, 'a release cannot change its status so'); END;

CREATE TRIGGER releases_kept BEFORE DELETE ON releases FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'a release is never deleted'); END;

CREATE TRIGGER events_written BEFORE UPDATE ON events FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'an event never changes'); END;

CREATE TRIGGER events_kept BEFORE DELETE ON events FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;

CREATE TRIGGER releases_created AFTER INSERT ON releases FOR EACH ROW BEGIN INSERT INTO events (release_id, from_status, to_status, actor, detail, at) VALUES (NEW.id, NULL, NEW.status, NEW.updated_by, NEW.reason, NEW.updated_at); END;

CREATE TRIGGER releases_moved AFTER UPDATE OF status ON releases FOR EACH ROW WHEN (OLD.status <> NEW.status) BEGIN INSERT INTO events (release_id, from_status, to_status, actor, detail, at) VALUES (NEW.id, OLD.status, NEW.status, NEW.updated_by, NEW.error, NEW.updated_at); END;
