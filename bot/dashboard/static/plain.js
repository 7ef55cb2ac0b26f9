// @ts-check
/** Pages that are read: times in the reader's own zone. */

import { tellTimes } from './page.js';

tellTimes();
