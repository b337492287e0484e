import { setFlagsFromString } from 'node:v8';

// To be loaded before anything that serves. What a request is answered with is garbage a moment later. Where V8 comes to
// think that a part of it lasts, it makes that part among what is old from then on, and each piece there keeps its whole
// request alive until all that is old is looked through: docs/decisions/039-two-ways-to-one-answer.md has the figures.
setFlagsFromString('--no-allocation-site-pretenuring');
