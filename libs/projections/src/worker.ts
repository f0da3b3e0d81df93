/** The program of the threads that own files of views. */
import { serveViews } from './serve.js';
import { VIEWS } from './views.js';

serveViews(VIEWS);
