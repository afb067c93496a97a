// The page of a file begins here: its document stands in the file.

import { mount } from "./mount.js";
import { readPage } from "./page.js";

const text = document.getElementById("document").textContent;
readPage(JSON.parse(text)).then((page) => mount(document.getElementById("page"), page));
