// What a live page says of itself.

import { CHINESE } from "./chinese.js";

Object.assign(CHINESE, {
  "This page is told what is new while the run goes on.": "训练进行时，本页会随时更新。",
  "The run has ended. Nothing else will come.": "训练已结束，不会再有新内容。",
  "The run was killed: nobody writes its file any more.": "训练被强行终止：已没有程序在写它的文件。",
  "The server does not answer. This page goes on where it is when it does.": "服务器没有应答。恢复应答后，本页将从这里继续。",
  "The server was started anew. Open the address that it printed.": "服务器已重新启动。请打开它打印的地址。",
});

export const SENTENCES = {
  live: "This page is told what is new while the run goes on.",
  ended: "The run has ended. Nothing else will come.",
  killed: "The run was killed: nobody writes its file any more.",
  gone: "The server does not answer. This page goes on where it is when it does.",
  locked: "The server was started anew. Open the address that it printed.",
};
