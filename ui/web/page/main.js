// The page begins here.

import { API } from "./api.js";
import { byId } from "./dom.js";
import { Page } from "./page.js";
import { Prefs } from "./prefs.js";
import { Status } from "./status.js";
import { Store } from "./store.js";
import { Stream } from "./stream.js";
import { Token } from "./token.js";

const store = new Store();
const status = new Status(store);
const api = new API(new Token(byId("token")));
const stream = new Stream(api, {
	snapshot(now, hasFlows) {
		page.take(now, hasFlows);
		status.draw();
	},
	phase: (name, detail) => status.phase(name, detail),
});
const page = new Page({ store, stream, api, prefs: new Prefs() });
