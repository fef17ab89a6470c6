CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

INSERT INTO "alembic_version" VALUES('0003');

CREATE TABLE approvals (
	release_id TEXT NOT NULL,
	actor TEXT NOT NULL,
	plan_digest TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TEXT NOT NULL,
	CONSTRAINT pk_approvals PRIMARY KEY (release_id, actor),
	CONSTRAINT fk_approvals_release_id FOREIGN KEY(release_id, plan_digest) REFERENCES releases (id, plan_digest),
	CONSTRAINT ck_approvals_actor CHECK (actor <> '')
);

CREATE TABLE build_lines (
	build_id TEXT NOT NULL,
	number INTEGER NOT NULL,
	at TEXT NOT NULL,
	line TEXT NOT NULL,
	CONSTRAINT pk_build_lines PRIMARY KEY (build_id, number),
	CONSTRAINT ck_build_lines_number CHECK (number >= 1),
	CONSTRAINT fk_build_lines_build_id FOREIGN KEY(build_id) REFERENCES builds (id)
);

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
	revision TEXT,
	priority INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	lease_owner TEXT,
	lease_token INTEGER NOT NULL,
	lease_until TEXT,
	cancelled_by TEXT,
	error TEXT,
	created_at TEXT NOT NULL,
	started_at TEXT,
	finished_at TEXT,
	updated_by TEXT NOT NULL,
	updated_at TEXT NOT NULL,
	CONSTRAINT pk_builds PRIMARY KEY (id),
	CONSTRAINT uq_builds_id_manifest_hash_image_digest UNIQUE (id, manifest_hash, image_digest),
	CONSTRAINT ck_builds_status CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
	CONSTRAINT ck_builds_stage CHECK (stage IN ('queued', 'started', 'checkout', 'secrets', 'generate', 'package', 'layers', 'check', 'image', 'attest', 'record', 'publish', 'complete')),
	CONSTRAINT ck_builds_progress CHECK (progress BETWEEN 0 AND 100),
	CONSTRAINT ck_builds_manifest_hash CHECK (substr(manifest_hash, 1, 7) = 'sha256:' AND length(manifest_hash) = 71),
	CONSTRAINT ck_builds_image_digest CHECK (substr(image_digest, 1, 7) = 'sha256:' AND length(image_digest) = 71),
	CONSTRAINT ck_builds_image CHECK ((status = 'succeeded') = (image_digest IS NOT NULL)),
	CONSTRAINT ck_builds_evidence CHECK (status <> 'succeeded' OR (config_digest IS NOT NULL AND image_ref IS NOT NULL AND bundle IS NOT NULL)),
	CONSTRAINT ck_builds_error CHECK (status <> 'failed' OR error IS NOT NULL),
	CONSTRAINT ck_builds_cancelled CHECK (status <> 'cancelled' OR cancelled_by IS NOT NULL),
	CONSTRAINT ck_builds_finished CHECK ((status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
	CONSTRAINT ck_builds_lease CHECK ((status = 'running') = (lease_owner IS NOT NULL) AND (status = 'running') = (lease_until IS NOT NULL)),
	CONSTRAINT ck_builds_attempt CHECK (attempt BETWEEN 0 AND 3),
	CONSTRAINT ck_builds_requested_by CHECK (requested_by <> '')
);

CREATE TABLE configurations (
	digest TEXT NOT NULL,
	content TEXT NOT NULL,
	CONSTRAINT pk_configurations PRIMARY KEY (digest),
	CONSTRAINT ck_configurations_digest CHECK (substr(digest, 1, 7) = 'sha256:' AND length(digest) = 71)
);

CREATE TABLE environments (
	name TEXT NOT NULL,
	rank INTEGER NOT NULL,
	CONSTRAINT pk_environments PRIMARY KEY (name),
	CONSTRAINT ck_environments_name CHECK (name <> '')
);

CREATE TABLE events (
	id INTEGER NOT NULL,
	subject TEXT NOT NULL,
	subject_id TEXT NOT NULL,
	from_status TEXT,
	to_status TEXT NOT NULL,
	actor TEXT NOT NULL,
	detail TEXT,
	at TEXT NOT NULL,
	facts TEXT,
	seq INTEGER,
	prev_hash TEXT,
	hash TEXT,
	CONSTRAINT pk_events PRIMARY KEY (id),
	CONSTRAINT fk_events_subject FOREIGN KEY(subject, from_status, to_status) REFERENCES transitions (subject, from_status, to_status),
	CONSTRAINT ck_events_sealed CHECK ((hash IS NULL) = (seq IS NULL) AND (hash IS NULL) = (prev_hash IS NULL) AND (hash IS NULL) = (facts IS NULL)),
	CONSTRAINT uq_events_seq UNIQUE (seq)
);

CREATE TABLE holds (
	id TEXT NOT NULL,
	kind TEXT NOT NULL,
	environment TEXT,
	manifest_hash TEXT,
	release_id TEXT,
	actor TEXT NOT NULL,
	reason TEXT NOT NULL,
	created_at TEXT NOT NULL,
	until TEXT,
	lifted_by TEXT,
	lifted_reason TEXT,
	lifted_at TEXT,
	CONSTRAINT pk_holds PRIMARY KEY (id),
	CONSTRAINT ck_holds_kind CHECK (kind IN ('environment', 'retain')),
	CONSTRAINT ck_holds_environment CHECK ((kind = 'environment') = (environment IS NOT NULL)),
	CONSTRAINT ck_holds_retained CHECK (kind <> 'retain' OR manifest_hash IS NOT NULL),
	CONSTRAINT ck_holds_reason CHECK (actor <> '' AND trim(reason) <> ''),
	CONSTRAINT ck_holds_lifted CHECK ((lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lifted_reason IS NULL)),
	CONSTRAINT fk_holds_environment FOREIGN KEY(environment) REFERENCES environments (name),
	CONSTRAINT fk_holds_release_id FOREIGN KEY(release_id) REFERENCES releases (id)
);

CREATE TABLE outbox (
	event_id INTEGER NOT NULL,
	created_at TEXT NOT NULL,
	delivered_at TEXT,
	CONSTRAINT pk_outbox PRIMARY KEY (event_id),
	CONSTRAINT fk_outbox_event_id FOREIGN KEY(event_id) REFERENCES events (id)
);

CREATE TABLE releases (
	id TEXT NOT NULL,
	environment TEXT NOT NULL,
	generation INTEGER,
	kind TEXT NOT NULL,
	status TEXT NOT NULL,
	build_id TEXT NOT NULL,
	manifest_hash TEXT NOT NULL,
	image_digest TEXT NOT NULL,
	target TEXT NOT NULL,
	port INTEGER NOT NULL,
	configuration TEXT,
	previous_release_id TEXT,
	restores_release_id TEXT,
	actor TEXT NOT NULL,
	reason TEXT NOT NULL,
	plan_digest TEXT NOT NULL,
	approvals_needed INTEGER NOT NULL,
	migration_class TEXT NOT NULL,
	passed_freeze TEXT,
	ends_hold_id TEXT,
	modules_delta JSON NOT NULL,
	idempotency_key TEXT,
	request_digest TEXT,
	recovery_attempts INTEGER NOT NULL,
	lease_owner TEXT,
	lease_token INTEGER NOT NULL,
	lease_until TEXT,
	created_at TEXT NOT NULL,
	deployed_at TEXT,
	activated_at TEXT,
	ended_at TEXT,
	error TEXT,
	updated_by TEXT NOT NULL,
	updated_at TEXT NOT NULL,
	CONSTRAINT pk_releases PRIMARY KEY (id),
	CONSTRAINT uq_releases_environment_generation UNIQUE (environment, generation),
	CONSTRAINT uq_releases_environment_idempotency_key UNIQUE (environment, idempotency_key),
	CONSTRAINT uq_releases_id_environment UNIQUE (id, environment),
	CONSTRAINT uq_releases_id_environment_build_id UNIQUE (id, environment, build_id),
	CONSTRAINT uq_releases_id_plan_digest UNIQUE (id, plan_digest),
	CONSTRAINT fk_releases_build_id FOREIGN KEY(build_id, manifest_hash, image_digest) REFERENCES builds (id, manifest_hash, image_digest),
	CONSTRAINT fk_releases_previous_release_id FOREIGN KEY(previous_release_id, environment) REFERENCES releases (id, environment),
	CONSTRAINT fk_releases_restores_release_id FOREIGN KEY(restores_release_id, environment, build_id) REFERENCES releases (id, environment, build_id),
	CONSTRAINT ck_releases_kind CHECK (kind IN ('promote', 'rollback', 'redeploy')),
	CONSTRAINT ck_releases_status CHECK (status IN ('pending', 'approved', 'deploying', 'verifying', 'recovering', 'active', 'rejected', 'cancelled', 'failed', 'superseded', 'rolled_back', 'recovery_required')),
	CONSTRAINT ck_releases_migration_class CHECK (migration_class IN ('none', 'additive', 'maintenance')),
	CONSTRAINT ck_releases_generation CHECK (generation >= 1),
	CONSTRAINT ck_releases_deployed CHECK ((status IN ('pending', 'approved', 'rejected', 'cancelled')) = (generation IS NULL) AND (generation IS NULL) = (deployed_at IS NULL) AND (generation IS NOT NULL OR previous_release_id IS NULL)),
	CONSTRAINT ck_releases_restores CHECK ((kind = 'rollback') = (restores_release_id IS NOT NULL)),
	CONSTRAINT ck_releases_leaves CHECK (kind = 'promote' OR generation IS NULL OR previous_release_id IS NOT NULL),
	CONSTRAINT ck_releases_itself CHECK (previous_release_id <> id AND restores_release_id <> id),
	CONSTRAINT ck_releases_elsewhere CHECK (restores_release_id <> previous_release_id),
	CONSTRAINT ck_releases_approvals_needed CHECK (approvals_needed >= 0),
	CONSTRAINT ck_releases_at_once CHECK (kind = 'promote' OR approvals_needed = 0),
	CONSTRAINT ck_releases_ends_hold CHECK (kind = 'promote' OR ends_hold_id IS NULL),
	CONSTRAINT ck_releases_request CHECK ((idempotency_key IS NULL) = (request_digest IS NULL)),
	CONSTRAINT ck_releases_recovery_attempts CHECK (recovery_attempts BETWEEN 0 AND 1),
	CONSTRAINT ck_releases_recovery CHECK (status NOT IN ('recovering', 'recovery_required') OR recovery_attempts = 1),
	CONSTRAINT ck_releases_lease CHECK ((status IN ('deploying', 'verifying', 'recovering')) = (lease_owner IS NOT NULL) AND (status IN ('deploying', 'verifying', 'recovering')) = (lease_until IS NOT NULL)),
	CONSTRAINT ck_releases_actor CHECK (actor <> ''),
	CONSTRAINT ck_releases_reason CHECK (trim(reason) <> ''),
	CONSTRAINT ck_releases_activated CHECK ((status IN ('active', 'superseded', 'rolled_back')) = (activated_at IS NOT NULL)),
	CONSTRAINT ck_releases_ended CHECK ((status IN ('rejected', 'cancelled', 'failed', 'superseded', 'rolled_back')) = (ended_at IS NOT NULL)),
	CONSTRAINT ck_releases_error CHECK (status NOT IN ('failed', 'rejected') OR error IS NOT NULL),
	CONSTRAINT fk_releases_environment FOREIGN KEY(environment) REFERENCES environments (name),
	CONSTRAINT fk_releases_configuration FOREIGN KEY(configuration) REFERENCES configurations (digest)
);

CREATE TABLE tombstones (
	manifest_hash TEXT NOT NULL,
	marked_by TEXT NOT NULL,
	marked_at TEXT NOT NULL,
	deleted_at TEXT,
	CONSTRAINT pk_tombstones PRIMARY KEY (manifest_hash)
);

CREATE TABLE transitions (
	subject TEXT NOT NULL,
	from_status TEXT NOT NULL,
	to_status TEXT NOT NULL,
	CONSTRAINT pk_transitions PRIMARY KEY (subject, from_status, to_status)
);

INSERT INTO "transitions" VALUES('build','queued','cancelled');

INSERT INTO "transitions" VALUES('build','queued','failed');

INSERT INTO "transitions" VALUES('build','queued','running');

INSERT INTO "transitions" VALUES('build','running','cancelled');

INSERT INTO "transitions" VALUES('build','running','failed');

INSERT INTO "transitions" VALUES('build','running','queued');

INSERT INTO "transitions" VALUES('build','running','succeeded');

INSERT INTO "transitions" VALUES('release','active','rolled_back');

INSERT INTO "transitions" VALUES('release','active','superseded');

INSERT INTO "transitions" VALUES('release','approved','cancelled');

INSERT INTO "transitions" VALUES('release','approved','deploying');

INSERT INTO "transitions" VALUES('release','approved','rejected');

INSERT INTO "transitions" VALUES('release','deploying','failed');

INSERT INTO "transitions" VALUES('release','deploying','verifying');

INSERT INTO "transitions" VALUES('release','pending','approved');

INSERT INTO "transitions" VALUES('release','pending','cancelled');

INSERT INTO "transitions" VALUES('release','pending','rejected');

INSERT INTO "transitions" VALUES('release','recovering','failed');

INSERT INTO "transitions" VALUES('release','recovering','recovery_required');

INSERT INTO "transitions" VALUES('release','recovery_required','active');

INSERT INTO "transitions" VALUES('release','recovery_required','failed');

INSERT INTO "transitions" VALUES('release','verifying','active');

INSERT INTO "transitions" VALUES('release','verifying','recovering');

INSERT INTO "transitions" VALUES('hold','placed','lifted');

CREATE UNIQUE INDEX one_live_build ON builds (manifest_hash) WHERE status IN ('queued', 'running', 'succeeded');

CREATE INDEX builds_to_claim ON builds (status, priority DESC, created_at, id) WHERE status IN ('queued', 'running');

CREATE INDEX builds_succeeded ON builds (finished_at DESC, created_at DESC, id DESC) WHERE status = 'succeeded';

CREATE INDEX builds_newest ON builds (created_at DESC, id DESC);

CREATE INDEX builds_of_manifest ON builds (manifest_hash);

CREATE UNIQUE INDEX one_hold_of_environment ON holds (environment) WHERE kind = 'environment' AND lifted_at IS NULL;

CREATE INDEX events_of_subject ON events (subject, subject_id);

CREATE INDEX events_to_seal ON events (id) WHERE hash IS NULL;

CREATE INDEX outbox_to_deliver ON outbox (event_id) WHERE delivered_at IS NULL;

CREATE UNIQUE INDEX one_active_release ON releases (environment) WHERE status = 'active';

CREATE UNIQUE INDEX one_release_in_flight ON releases (environment) WHERE status IN ('approved', 'deploying', 'verifying', 'recovering', 'recovery_required');

CREATE INDEX releases_pending ON releases (environment, created_at) WHERE status = 'pending';

CREATE INDEX releases_newest ON releases (created_at DESC, id DESC);

CREATE INDEX releases_of_environment ON releases (environment, created_at DESC, id DESC);

CREATE INDEX releases_of_build ON releases (build_id);

CREATE INDEX releases_of_manifest ON releases (environment, manifest_hash, generation);

CREATE INDEX releases_after ON releases (previous_release_id);

CREATE TRIGGER builds_start BEFORE INSERT ON builds FOR EACH ROW WHEN (NEW.status NOT IN ('queued', 'running')) BEGIN SELECT RAISE(ABORT, 'a build starts queued or running'); END;

CREATE TRIGGER builds_identity BEFORE UPDATE OF id, profile, manifest_hash, modules_delta, requested_by, reason, revision, priority, created_at ON builds FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'what a build was asked for never changes'); END;

CREATE TRIGGER builds_final BEFORE UPDATE ON builds FOR EACH ROW WHEN (OLD.status IN ('succeeded', 'failed', 'cancelled')) BEGIN SELECT RAISE(ABORT, 'a finished build never changes'); END;

CREATE TRIGGER builds_status BEFORE UPDATE OF status ON builds FOR EACH ROW WHEN (OLD.status <> NEW.status AND OLD.status || '>' || NEW.status NOT IN ('queued>cancelled', 'queued>failed', 'queued>running', 'running>cancelled', 'running>failed', 'running>queued', 'running>succeeded')) BEGIN SELECT RAISE(ABORT, 'a build cannot change its status so'); END;

CREATE TRIGGER builds_progress BEFORE UPDATE OF progress ON builds FOR EACH ROW WHEN (NEW.lease_token = OLD.lease_token AND OLD.status = NEW.status AND NEW.progress < OLD.progress) BEGIN SELECT RAISE(ABORT, 'progress never decreases'); END;

CREATE TRIGGER builds_stage BEFORE UPDATE OF stage ON builds FOR EACH ROW WHEN (NEW.lease_token = OLD.lease_token AND OLD.status = NEW.status AND CASE NEW.stage WHEN 'queued' THEN 0 WHEN 'started' THEN 1 WHEN 'checkout' THEN 2 WHEN 'secrets' THEN 3 WHEN 'generate' THEN 4 WHEN 'package' THEN 5 WHEN 'layers' THEN 6 WHEN 'check' THEN 7 WHEN 'image' THEN 8 WHEN 'attest' THEN 9 WHEN 'record' THEN 10 WHEN 'publish' THEN 11 WHEN 'complete' THEN 12 END < CASE OLD.stage WHEN 'queued' THEN 0 WHEN 'started' THEN 1 WHEN 'checkout' THEN 2 WHEN 'secrets' THEN 3 WHEN 'generate' THEN 4 WHEN 'package' THEN 5 WHEN 'layers' THEN 6 WHEN 'check' THEN 7 WHEN 'image' THEN 8 WHEN 'attest' THEN 9 WHEN 'record' THEN 10 WHEN 'publish' THEN 11 WHEN 'complete' THEN 12 END) BEGIN SELECT RAISE(ABORT, 'a stage never comes again'); END;

CREATE TRIGGER builds_fence BEFORE UPDATE OF lease_token ON builds FOR EACH ROW WHEN (NEW.lease_token < OLD.lease_token) BEGIN SELECT RAISE(ABORT, 'a lease token never decreases'); END;

CREATE TRIGGER builds_kept BEFORE DELETE ON builds FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'a build is never deleted'); END;

CREATE TRIGGER build_lines_written BEFORE UPDATE ON build_lines FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'what was said never changes'); END;

CREATE TRIGGER configurations_kept BEFORE DELETE ON configurations FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'a configuration is never deleted'); END;

CREATE TRIGGER configurations_written BEFORE UPDATE ON configurations FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'a configuration never changes'); END;

CREATE TRIGGER releases_start BEFORE INSERT ON releases FOR EACH ROW WHEN (NEW.status NOT IN ('pending')) BEGIN SELECT RAISE(ABORT, 'a release starts pending'); END;

CREATE TRIGGER releases_identity BEFORE UPDATE OF id, environment, kind, build_id, manifest_hash, image_digest, target, port, configuration, restores_release_id, actor, reason, plan_digest, approvals_needed, migration_class, ends_hold_id, idempotency_key, request_digest, created_at ON releases FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'the identity of a release never changes'); END;

CREATE TRIGGER releases_frozen BEFORE UPDATE OF generation, previous_release_id, modules_delta, passed_freeze, deployed_at ON releases FOR EACH ROW WHEN (NOT (OLD.status = 'approved' AND NEW.status = 'deploying')) BEGIN SELECT RAISE(ABORT, 'what a deployment began with never changes'); END;

CREATE TRIGGER releases_activated BEFORE UPDATE OF activated_at ON releases FOR EACH ROW WHEN (NOT (OLD.status <> 'active' AND NEW.status = 'active')) BEGIN SELECT RAISE(ABORT, 'when a release became active never changes'); END;

CREATE TRIGGER releases_final BEFORE UPDATE ON releases FOR EACH ROW WHEN (OLD.status IN ('rejected', 'cancelled', 'failed', 'superseded', 'rolled_back')) BEGIN SELECT RAISE(ABORT, 'an ended release never changes'); END;

CREATE TRIGGER releases_status BEFORE UPDATE OF status ON releases FOR EACH ROW WHEN (OLD.status <> NEW.status AND OLD.status || '>' || NEW.status NOT IN ('active>rolled_back', 'active>superseded', 'approved>cancelled', 'approved>deploying', 'approved>rejected', 'deploying>failed', 'deploying>verifying', 'pending>approved', 'pending>cancelled', 'pending>rejected', 'recovering>failed', 'recovering>recovery_required', 'recovery_required>active', 'recovery_required>failed', 'verifying>active', 'verifying>recovering')) BEGIN SELECT RAISE(ABORT, 'a release cannot change its status so'); END;

CREATE TRIGGER releases_approved BEFORE UPDATE OF status ON releases FOR EACH ROW WHEN (OLD.status = 'pending' AND NEW.status = 'approved' AND NEW.approvals_needed > (SELECT count(*) FROM approvals WHERE approvals.release_id = NEW.id)) BEGIN SELECT RAISE(ABORT, 'a release needs more approvals'); END;

CREATE TRIGGER releases_recovery BEFORE UPDATE OF recovery_attempts ON releases FOR EACH ROW WHEN (NEW.recovery_attempts <> OLD.recovery_attempts AND NOT (OLD.status = 'verifying' AND NEW.status = 'recovering')) BEGIN SELECT RAISE(ABORT, 'one recovery belongs to its beginning'); END;

CREATE TRIGGER releases_fence BEFORE UPDATE OF lease_token ON releases FOR EACH ROW WHEN (NEW.lease_token < OLD.lease_token) BEGIN SELECT RAISE(ABORT, 'a lease token never decreases'); END;

CREATE TRIGGER releases_kept BEFORE DELETE ON releases FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'a release is never deleted'); END;

CREATE TRIGGER approvals_asked BEFORE INSERT ON approvals FOR EACH ROW WHEN (NOT EXISTS (SELECT 1 FROM releases WHERE releases.id = NEW.release_id AND releases.status = 'pending')) BEGIN SELECT RAISE(ABORT, 'only a pending release can be approved'); END;

CREATE TRIGGER approvals_other BEFORE INSERT ON approvals FOR EACH ROW WHEN (EXISTS (SELECT 1 FROM releases WHERE releases.id = NEW.release_id AND releases.actor = NEW.actor)) BEGIN SELECT RAISE(ABORT, 'nobody approves what they asked for'); END;

CREATE TRIGGER approvals_given BEFORE UPDATE ON approvals FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'an approval never changes'); END;

CREATE TRIGGER approvals_kept BEFORE DELETE ON approvals FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'an approval is never deleted'); END;

CREATE TRIGGER holds_identity BEFORE UPDATE OF id, kind, environment, manifest_hash, release_id, actor, reason, created_at, until ON holds FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'a hold only ends'); END;

CREATE TRIGGER holds_lifted BEFORE UPDATE ON holds FOR EACH ROW WHEN (OLD.lifted_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'a lifted hold never changes'); END;

CREATE TRIGGER holds_kept BEFORE DELETE ON holds FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'a hold is never deleted'); END;

CREATE TRIGGER events_identity BEFORE UPDATE OF id, subject, subject_id, from_status, to_status, actor, detail, at ON events FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'an event never changes'); END;

CREATE TRIGGER events_sealed BEFORE UPDATE ON events FOR EACH ROW WHEN (OLD.hash IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'an event never changes'); END;

CREATE TRIGGER events_kept BEFORE DELETE ON events FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'an event is never deleted'); END;

CREATE TRIGGER outbox_kept BEFORE DELETE ON outbox FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'what others must be told is never deleted'); END;

CREATE TRIGGER transitions_kept BEFORE DELETE ON transitions FOR EACH ROW WHEN (1 = 1) BEGIN SELECT RAISE(ABORT, 'an allowed transition is never deleted'); END;

CREATE TRIGGER builds_created AFTER INSERT ON builds FOR EACH ROW WHEN (1 = 1) BEGIN INSERT INTO events (subject, subject_id, from_status, to_status, actor, detail, at) VALUES ('build', NEW.id, NULL, NEW.status, NEW.updated_by, NEW.reason, NEW.updated_at); END;

CREATE TRIGGER releases_created AFTER INSERT ON releases FOR EACH ROW WHEN (1 = 1) BEGIN INSERT INTO events (subject, subject_id, from_status, to_status, actor, detail, at) VALUES ('release', NEW.id, NULL, NEW.status, NEW.updated_by, NEW.reason, NEW.updated_at); END;

CREATE TRIGGER builds_moved AFTER UPDATE OF status ON builds FOR EACH ROW WHEN (OLD.status <> NEW.status) BEGIN INSERT INTO events (subject, subject_id, from_status, to_status, actor, detail, at) VALUES ('build', NEW.id, OLD.status, NEW.status, NEW.updated_by, NEW.error, NEW.updated_at); END;

CREATE TRIGGER releases_moved AFTER UPDATE OF status ON releases FOR EACH ROW WHEN (OLD.status <> NEW.status) BEGIN INSERT INTO events (subject, subject_id, from_status, to_status, actor, detail, at) VALUES ('release', NEW.id, OLD.status, NEW.status, NEW.updated_by, NEW.error, NEW.updated_at); END;

CREATE TRIGGER approvals_written AFTER INSERT ON approvals FOR EACH ROW WHEN (1 = 1) BEGIN INSERT INTO events (subject, subject_id, from_status, to_status, actor, detail, at) VALUES ('approval', NEW.release_id, NULL, 'given', NEW.actor, NEW.reason, NEW.at); END;

CREATE TRIGGER holds_placed AFTER INSERT ON holds FOR EACH ROW WHEN (1 = 1) BEGIN INSERT INTO events (subject, subject_id, from_status, to_status, actor, detail, at) VALUES ('hold', NEW.id, NULL, 'placed', NEW.actor, NEW.reason, NEW.created_at); END;

CREATE TRIGGER holds_ended AFTER UPDATE OF lifted_at ON holds FOR EACH ROW WHEN (1 = 1) BEGIN INSERT INTO events (subject, subject_id, from_status, to_status, actor, detail, at) VALUES ('hold', NEW.id, 'placed', 'lifted', NEW.lifted_by, NEW.lifted_reason, NEW.lifted_at); END;
