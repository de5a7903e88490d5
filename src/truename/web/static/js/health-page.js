/** The page of health has one clock, the reader's. */

import {localise} from './moments.js';

localise(document);
