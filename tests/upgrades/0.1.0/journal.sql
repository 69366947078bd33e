BEGIN TRANSACTION;
CREATE TABLE turns (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    began REAL NOT NULL,
    agent TEXT NOT NULL,
    model TEXT NOT NULL,
    conversation TEXT NOT NULL,
    source TEXT NOT NULL,
    area TEXT NOT NULL,
    text TEXT NOT NULL,
    reply TEXT NOT NULL,
    words TEXT NOT NULL,
    outcome TEXT NOT NULL,
    first_word REAL,
    total REAL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    model_calls INTEGER NOT NULL,
    whole TEXT NOT NULL
, rating TEXT NOT NULL DEFAULT '', expected TEXT NOT NULL DEFAULT '', load REAL);
INSERT INTO "turns" VALUES(1,'turn-1',1795000001.0,'home','m','one','api','','turn on the kitchen light','Turned on the light.','turn on the kitchen light
turned on the light.','done',0.1,0.1,10,2,1,'{"text": "turn on the kitchen light", "language": "en", "source": "api", "agent": "home", "model": "m", "area": "", "user": "", "began": 1795000001.0, "turn_id": "turn-1", "conversation_id": "one", "mode": "wide", "shortlist": [{"name": "Kitchen light", "score": 1.0}, {"name": "all lights in Kitchen", "score": 0.99}, {"name": "Counter light", "score": 0.68}, {"name": "Coffee machine", "score": 0.45}, {"name": "Kitchen window", "score": 0.44}], "phrases": ["turn on Kitchen light", "turn on all lights in Kitchen", "turn off Kitchen light", "turn off all lights in Kitchen", "turn on Counter light", "turn on Coffee machine", "turn off Counter light", "turn off Coffee machine", "set Kitchen light brightness to …", "set all lights in Kitchen brightness to …", "brighten Kitchen light", "broadcast: …", "dim Kitchen light", "tell date", "tell time", "set Counter light brightness to …", "brighten Counter light", "dim Counter light", "brighten Kitchen light by …", "dim Kitchen light by …", "brighten Counter light by …", "dim Counter light by …"], "asked": [{"message": "[Monday 2026-11-23 19:30]\n[Kitchen light: off]\nturn on the kitchen light", "answer": "{\"do\": [\"turn on Kitchen light\"]}", "thought": "", "calls": [], "prompt_tokens": 10, "completion_tokens": 2, "load": 0.0, "prompt": 0.0, "decode": 0.0, "reused": null}], "proposals": [{"proposed": {"name": "HassTurnOn", "arguments": {"name": "light.kitchen"}}, "verdict": "as_it_was", "mended": [], "reason": "", "candidates": [], "action": {"name": "HassTurnOn", "arguments": {"name": "light.kitchen"}}}], "actions": [{"id": "278259bd", "name": "HassTurnOn", "arguments": {"name": "light.kitchen"}, "mended": [], "ok": true, "result": {"failed": []}}], "reply": "Turned on the light.", "outcome": "done", "error": null, "usage": {"prompt_tokens": 10, "completion_tokens": 2, "model_calls": 1}, "timings": {"total": 0.1, "first_word": 0.1, "engine": 0.1, "load": 0.1, "prompt": 0.1, "decode": 0.1, "home": 0.1, "own": 0.1}}','','',0.1);
INSERT INTO "turns" VALUES(2,'turn-2',1795000002.0,'home','m','one','api','','unlock the front door','Are you sure? This is about Front door.','unlock the front door
are you sure? this is about front door.','asked',0.1,0.1,10,2,1,'{"text": "unlock the front door", "language": "en", "source": "api", "agent": "home", "model": "m", "area": "", "user": "", "began": 1795000002.0, "turn_id": "turn-2", "conversation_id": "one", "mode": "wide", "shortlist": [{"name": "Front door", "score": 1.0}, {"name": "Garage door", "score": 0.35}, {"name": "Bedroom fan", "score": 0.3}, {"name": "Coffee machine", "score": 0.3}, {"name": "Shopping list", "score": 0.3}, {"name": "TV", "score": 0.3}, {"name": "Thermostat", "score": 0.3}], "phrases": ["unlock Front door", "lock Front door", "close Garage door", "open Garage door", "broadcast: …", "tell date", "tell time", "turn off TV", "turn off Thermostat", "pause TV", "turn on Thermostat", "turn on TV", "mute TV", "turn off Bedroom fan", "turn off Coffee machine", "turn on Bedroom fan", "turn on Coffee machine", "play TV", "read Shopping list", "unmute TV", "add to Shopping list: …", "remove from Shopping list: …", "complete on Shopping list: …", "cooler Thermostat"], "asked": [{"message": "[Monday 2026-11-23 19:30]\n[Front door: unlocked]\nunlock the front door", "answer": "{\"do\": [\"unlock Front door\"]}", "thought": "", "calls": [], "prompt_tokens": 10, "completion_tokens": 2, "load": 0.0, "prompt": 0.0, "decode": 0.0, "reused": null}], "proposals": [{"proposed": {"name": "HassTurnOff", "arguments": {"name": "lock.front"}}, "verdict": "as_it_was", "mended": [], "reason": "", "candidates": [], "action": {"name": "HassTurnOff", "arguments": {"name": "lock.front"}}}], "actions": [], "reply": "Are you sure? This is about Front door.", "outcome": "asked", "error": null, "usage": {"prompt_tokens": 10, "completion_tokens": 2, "model_calls": 1}, "timings": {"total": 0.1, "first_word": 0.1, "engine": 0.1, "load": 0.1, "prompt": 0.1, "decode": 0.1, "home": 0.1, "own": 0.1}}','','',0.1);
INSERT INTO "turns" VALUES(3,'turn-3',1795000003.0,'home','m','one','api','','yes','Unlocking.','yes
unlocking.','done',0.1,0.1,0,0,0,'{"text": "yes", "language": "en", "source": "api", "agent": "home", "model": "m", "area": "", "user": "", "began": 1795000003.0, "turn_id": "turn-3", "conversation_id": "one", "mode": "", "shortlist": [], "phrases": [], "asked": [], "proposals": [], "actions": [{"id": "ef5adc42", "name": "HassTurnOff", "arguments": {"name": "lock.front"}, "mended": [], "ok": true, "result": {"failed": []}}], "reply": "Unlocking.", "outcome": "done", "error": null, "usage": {"prompt_tokens": 0, "completion_tokens": 0, "model_calls": 0}, "timings": {"total": 0.1, "first_word": 0.1, "engine": 0.1, "load": 0.1, "prompt": 0.1, "decode": 0.1, "home": 0.1, "own": 0.1}}','','',0.1);
INSERT INTO "turns" VALUES(4,'turn-4',1795000004.0,'home','m','one','panel','','schließ die Küche ab; it''s "odd"','','schliess die küche ab; it''s "odd"
','error',NULL,NULL,0,0,0,'{"text": "schließ die Küche ab; it''s \"odd\"", "language": "de", "source": "panel", "agent": "home", "model": "m", "area": "", "user": "", "began": 1795000004.0, "turn_id": "turn-4", "conversation_id": "one", "mode": "", "shortlist": [], "phrases": [], "asked": [], "proposals": [], "actions": [], "reply": "", "outcome": "error", "error": {"code": "engine_down", "message": "Ollama does not answer."}, "usage": {}, "timings": {}}','','',NULL);
CREATE TABLE uses (turn TEXT NOT NULL, entity TEXT NOT NULL, began REAL NOT NULL);
CREATE INDEX turns_began ON turns (began);
CREATE INDEX uses_entity ON uses (entity, began);
CREATE INDEX uses_turn ON uses (turn);
CREATE TRIGGER turns_gone AFTER DELETE ON turns BEGIN DELETE FROM uses WHERE turn = OLD.id; END;
COMMIT;
PRAGMA user_version = 2;
