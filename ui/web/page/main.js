// The page begins here.

import { API } from "./api.js";
import { byId } from "./dom.js";
import { Page } from "./page.js";
import { Prefs } from "./prefs.js";
import { Status } from "./status.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";
import { Token } from "./token.js";

// What shows a fleet is loaded where there is one, and extends what the others have.
const fleet = document.body.dataset.part && (await import("./fleet/fleet.js"));
const store = new Store();
const status = new Status(store);
const api = new API(new Token(byId("token")));
const stream = new Stream(api, {
	snapshot(now, query) {
		page.take(now, query);
		status.draw();
	},
	phase: (name, detail) => status.phase(name, detail),
});
const page = new Page({ store, stream, api, prefs: new Prefs(), fleet });
